# jielong_floor(NAME USES targets...)
# One static library for a floor of the house, from every src/NAME/**/*.cpp, and
# one test program from tests/NAME/**/*_test.cpp. A floor without sources yet is
# an interface library, so that the floors above can already name it.
function(jielong_floor name)
  cmake_parse_arguments(FLOOR "" "" "USES" ${ARGN})
  set(target jielong_${name})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/src/${name}/*.cpp)
  # Kernels are compiled once per instruction set (cmake/kernels.cmake), the
  # program's main by cmake/doors.cmake.
  list(FILTER sources EXCLUDE REGEX "/src/tensor/kernels/isa/")
  list(FILTER sources EXCLUDE REGEX "/src/cli/main\\.cpp$")
  if(sources)
    add_library(${target} STATIC ${sources})
    target_include_directories(${target} PUBLIC
      $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/src>
      $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include>)
    target_link_libraries(${target} PUBLIC ${FLOOR_USES})
  else()
    add_library(${target} INTERFACE)
    target_include_directories(${target} INTERFACE
      $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/src>
      $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include>)
    target_link_libraries(${target} INTERFACE ${FLOOR_USES})
  endif()

  if(JIELONG_TESTS)
    file(GLOB_RECURSE tests CONFIGURE_DEPENDS
      ${CMAKE_CURRENT_SOURCE_DIR}/tests/${name}/*_test.cpp)
    if(tests)
      add_executable(test_${name} ${tests})
      target_link_libraries(test_${name} PRIVATE ${target} GTest::gtest GTest::gmock
        GTest::gtest_main)
      target_include_directories(test_${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/tests)
      target_compile_definitions(test_${name} PRIVATE
        JIELONG_TEST_DATA="${CMAKE_CURRENT_SOURCE_DIR}/tests")
      gtest_discover_tests(test_${name} DISCOVERY_TIMEOUT 60 PROPERTIES LABELS ${name})
    endif()
  endif()
endfunction()
