# What an installation needs so that others find Jielong: shell completions, the CMake
# package, the pkg-config file, and the Debian packages jielong, libjielong0, libjielong-dev.
include(CMakePackageConfigHelpers)

if(TARGET jielong_program)
  install(TARGETS jielong_program RUNTIME COMPONENT program)
  set(completions ${CMAKE_CURRENT_BINARY_DIR}/completions)
  file(MAKE_DIRECTORY ${completions})
  foreach(entry bash:jielong:bash-completion/completions zsh:_jielong:zsh/vendor-completions
      fish:jielong.fish:fish/vendor_completions.d)
    string(REPLACE ":" ";" entry ${entry})
    list(GET entry 0 shell)
    list(GET entry 1 file)
    list(GET entry 2 folder)
    add_custom_command(OUTPUT ${completions}/${file}
      COMMAND jielong_program completion ${shell} > ${completions}/${file}
      DEPENDS jielong_program VERBATIM)
    list(APPEND completion_files ${completions}/${file})
    install(FILES ${completions}/${file} DESTINATION ${CMAKE_INSTALL_DATADIR}/${folder}
      COMPONENT program)
  endforeach()
  add_custom_target(jielong_completions ALL DEPENDS ${completion_files})
endif()

if(TARGET jielong_shared)
  install(TARGETS jielong_shared EXPORT jielongTargets
    LIBRARY COMPONENT library NAMELINK_COMPONENT development)
  install(TARGETS jielong_static EXPORT jielongStaticTargets ARCHIVE COMPONENT development)
  install(DIRECTORY include/jielong DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    COMPONENT development)

  set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/jielong)
  foreach(export jielongTargets jielongStaticTargets)
    install(EXPORT ${export} NAMESPACE jielong:: DESTINATION ${package_folder}
      COMPONENT development)
  endforeach()
  configure_package_config_file(cmake/jielongConfig.cmake.in
    ${CMAKE_CURRENT_BINARY_DIR}/jielongConfig.cmake INSTALL_DESTINATION ${package_folder})
  write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/jielongConfigVersion.cmake
    COMPATIBILITY SameMajorVersion)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/jielongConfig.cmake
    ${CMAKE_CURRENT_BINARY_DIR}/jielongConfigVersion.cmake
    DESTINATION ${package_folder} COMPONENT development)

  # The pkg-config file finds its prefix from where it lies, so that an installation can
  # be moved.
  file(RELATIVE_PATH prefix_from_pc /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
  string(REGEX REPLACE "/$" "" prefix_from_pc ${prefix_from_pc})
  configure_file(cmake/jielong.pc.in jielong.pc @ONLY)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/jielong.pc
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)
endif()

set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME jielong)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_NAME libjielong${PROJECT_VERSION_MAJOR})
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libjielong-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS
  "${CPACK_DEBIAN_LIBRARY_PACKAGE_NAME} (= ${PROJECT_VERSION})")
foreach(component PROGRAM LIBRARY DEVELOPMENT)
  string(TOLOWER ${component} lower)
  install(FILES LICENSE DESTINATION
    ${CMAKE_INSTALL_DATADIR}/doc/${CPACK_DEBIAN_${component}_PACKAGE_NAME}
    RENAME copyright COMPONENT ${lower})
endforeach()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME jielong)
set(CPACK_PACKAGE_CONTACT "The Jielong maintainers <maintainers@jielong.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Run generative models on the CPU, natively")
set(CPACK_COMPONENTS_ALL program library development)
set(CPACK_COMPONENT_PROGRAM_DESCRIPTION
  "Chat with, convert, measure and inspect language models on the command line.")
set(CPACK_COMPONENT_LIBRARY_DESCRIPTION "The shared library behind a small C and C++ interface.")
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION
  "Headers, static library, CMake package and pkg-config file.")
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
include(CPack)
