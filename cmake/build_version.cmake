# Included: jielong_cli gets build_version(), looked up anew with every build. Run as a script (-P):
# writes OUT, unless it says so already.
if(NOT CMAKE_SCRIPT_MODE_FILE)
  set(version_source ${CMAKE_CURRENT_BINARY_DIR}/generated/build_version.cpp)
  add_custom_target(jielong_build_version BYPRODUCTS ${version_source}
    COMMAND ${CMAKE_COMMAND} -DOUT=${version_source} -DROOT=${JIELONG_ROOT}
      -DVERSION=${PROJECT_VERSION} -P ${CMAKE_CURRENT_LIST_FILE} VERBATIM)
  target_sources(jielong_cli PRIVATE ${version_source})
  add_dependencies(jielong_cli jielong_build_version)
  return()
endif()

execute_process(COMMAND git -C ${ROOT} describe --always --dirty --tags OUTPUT_VARIABLE described
  OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
if(failed OR NOT described)
  set(described ${VERSION})
elseif(NOT described MATCHES "^v?[0-9]+\\.")
  set(described "${VERSION}-g${described}")
endif()
set(text "#include \"cli/build_version.h\"\n
namespace jielong::cli {\n
const char* build_version() { return \"${described}\"; }\n
}  // namespace jielong::cli\n")
set(before "")
if(EXISTS ${OUT})
  file(READ ${OUT} before)
endif()
if(NOT before STREQUAL text)
  file(WRITE ${OUT} "${text}")
endif()
