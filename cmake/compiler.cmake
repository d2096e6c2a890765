# Language level, warnings, sanitizers and the compiler cache, for every target.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O3")
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1")

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

# Floating-point contraction is written out (fma) where it is wanted: the same
# formula must round alike in every kernel that computes it.
add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -ffp-contract=off)
if(JIELONG_WERROR)
  add_compile_options(-Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Vector types wider than the baseline ABI stay inside one translation unit.
  # GCC 12 sees overflows and overlaps in inlined library code at -O3 that are not there.
  add_compile_options(-Wno-psabi -Wno-stringop-overflow -Wno-restrict)
endif()

if(JIELONG_SANITIZE)
  add_compile_options(-fsanitize=${JIELONG_SANITIZE} -fno-sanitize-recover=all
    -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${JIELONG_SANITIZE})
  add_compile_definitions(JIELONG_SANITIZED)
endif()
if(JIELONG_FUZZ)
  # Coverage feedback in every library; the fuzz targets bring libFuzzer itself.
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
