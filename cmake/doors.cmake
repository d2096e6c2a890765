# The doors: the program `jielong` and the library libjielong, static and shared.

if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/src/cli/main.cpp)
  add_executable(jielong_program src/cli/main.cpp)
  set_target_properties(jielong_program PROPERTIES OUTPUT_NAME jielong)
  target_link_libraries(jielong_program PRIVATE jielong_cli)
  target_compile_definitions(jielong_cli PRIVATE JIELONG_VERSION="${PROJECT_VERSION}")
  target_link_options(jielong_program PRIVATE -Wl,--as-needed)
  if(TARGET test_cli)
    # The command line is tested from outside.
    add_dependencies(test_cli jielong_program)
    target_compile_definitions(test_cli PRIVATE JIELONG_PROGRAM="$<TARGET_FILE:jielong_program>")
  endif()
endif()

get_target_property(kind jielong_facade TYPE)
if(kind STREQUAL "STATIC_LIBRARY")
  # Floors link each other publicly inside this build; a user of libjielong sees only
  # include/jielong.
  target_compile_definitions(jielong_facade PRIVATE JIELONG_VERSION="${PROJECT_VERSION}")
  add_library(jielong_shared SHARED $<TARGET_OBJECTS:jielong_facade>)
  set_target_properties(jielong_shared PROPERTIES OUTPUT_NAME jielong EXPORT_NAME jielong
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
  target_link_libraries(jielong_shared PRIVATE jielong_evaluate)
  set(map ${CMAKE_CURRENT_SOURCE_DIR}/cmake/libjielong.map)
  target_link_options(jielong_shared PRIVATE -Wl,--version-script=${map} -Wl,--as-needed)
  set_target_properties(jielong_shared PROPERTIES LINK_DEPENDS ${map})
  if(NOT JIELONG_SANITIZE)
    # A sanitizer's symbols come from the program that loads the library.
    target_link_options(jielong_shared PRIVATE -Wl,--no-undefined)
  endif()

  set(objects "")
  foreach(floor base tensor token model generate train evaluate facade)
    get_target_property(kind jielong_${floor} TYPE)
    if(kind STREQUAL "STATIC_LIBRARY")
      list(APPEND objects $<TARGET_OBJECTS:jielong_${floor}>)
    endif()
  endforeach()
  add_library(jielong_static STATIC ${objects})
  set_target_properties(jielong_static PROPERTIES OUTPUT_NAME jielong EXPORT_NAME static
    LINKER_LANGUAGE CXX)
  target_link_libraries(jielong_static INTERFACE fmt::fmt OpenSSL::Crypto CURL::libcurl
    Threads::Threads PkgConfig::PCRE2 PkgConfig::UTF8PROC PkgConfig::ZIP PkgConfig::ZLIB
    PkgConfig::ZSTD yaml-cpp)

  foreach(library jielong_shared jielong_static)
    target_include_directories(${library} INTERFACE
      $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include>
      $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    target_compile_features(${library} INTERFACE cxx_std_17)
  endforeach()
  add_library(jielong::jielong ALIAS jielong_shared)
  add_library(jielong::static ALIAS jielong_static)
endif()
