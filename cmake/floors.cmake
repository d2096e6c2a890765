# jielong_floor(NAME USES targets... [EXCLUDE pattern])
# One static library for a floor of the house, from every src/NAME/**/*.cpp, and
# one test program from tests/NAME/**/*_test.cpp. A floor without sources yet is
# an interface library, so that the floors above can already name it. Sources and tests
# whose path matches EXCLUDE are left out.
# With JIELONG_PCH, headers that many files of a floor include are compiled once for all of them.
# GCC 12 then warns of the standard library's own code.
option(JIELONG_PCH "Precompile common headers: faster from scratch, but more to rebuild" OFF)
set(JIELONG_COMMON_HEADERS <algorithm> <functional> <map> <memory> <string> <string_view> <vector>
  <fmt/format.h> <nlohmann/json.hpp>)
get_filename_component(JIELONG_ROOT ${CMAKE_CURRENT_LIST_DIR} DIRECTORY)
function(jielong_floor name)
  cmake_parse_arguments(FLOOR "" "EXCLUDE" "USES" ${ARGN})
  set(target jielong_${name})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${JIELONG_ROOT}/src/${name}/*.cpp)
  # Kernels are compiled once per instruction set (cmake/kernels.cmake), the
  # program's main by cmake/doors.cmake.
  list(FILTER sources EXCLUDE REGEX "/src/tensor/kernels/isa/")
  list(FILTER sources EXCLUDE REGEX "/src/cli/main\\.cpp$")
  if(FLOOR_EXCLUDE)
    list(FILTER sources EXCLUDE REGEX ${FLOOR_EXCLUDE})
  endif()
  if(sources)
    add_library(${target} STATIC ${sources})
    target_include_directories(${target} PUBLIC
      $<BUILD_INTERFACE:${JIELONG_ROOT}/src>
      $<BUILD_INTERFACE:${JIELONG_ROOT}/include>)
    target_link_libraries(${target} PUBLIC ${FLOOR_USES})
    # Kernels have flags of their own, one set for each instruction set.
    if(JIELONG_PCH AND NOT name STREQUAL "tensor")
      target_precompile_headers(${target} PRIVATE ${JIELONG_COMMON_HEADERS})
    endif()
  else()
    add_library(${target} INTERFACE)
    target_include_directories(${target} INTERFACE
      $<BUILD_INTERFACE:${JIELONG_ROOT}/src>
      $<BUILD_INTERFACE:${JIELONG_ROOT}/include>)
    target_link_libraries(${target} INTERFACE ${FLOOR_USES})
  endif()

  if(JIELONG_TESTS)
    file(GLOB_RECURSE tests CONFIGURE_DEPENDS
      ${JIELONG_ROOT}/tests/${name}/*_test.cpp)
    if(FLOOR_EXCLUDE)
      list(FILTER tests EXCLUDE REGEX ${FLOOR_EXCLUDE})
    endif()
    if(tests)
      add_executable(test_${name} ${tests})
      target_link_libraries(test_${name} PRIVATE ${target} GTest::gtest GTest::gmock
        GTest::gtest_main)
      # Tests run once: compiling them faster saves more than they would run faster.
      target_compile_options(test_${name} PRIVATE $<$<CONFIG:Release>:-O1>)
      if(JIELONG_PCH)
        target_precompile_headers(test_${name} PRIVATE ${JIELONG_COMMON_HEADERS}
          <gmock/gmock.h> <gtest/gtest.h>)
      endif()
      target_include_directories(test_${name} PRIVATE ${JIELONG_ROOT}/tests)
      target_compile_definitions(test_${name} PRIVATE
        JIELONG_TEST_DATA="${JIELONG_ROOT}/tests")
      gtest_discover_tests(test_${name} DISCOVERY_TIMEOUT 60 PROPERTIES LABELS ${name})
    endif()
  endif()
endfunction()
