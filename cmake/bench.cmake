# One program bench_<name> for every bench/<name>_bench.cpp, and the target `benchmarks`
# for all of them.
find_package(benchmark REQUIRED)
add_custom_target(benchmarks)
file(GLOB bench_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/bench/*_bench.cpp)
foreach(source IN LISTS bench_sources)
  get_filename_component(name ${source} NAME_WE)
  string(REGEX REPLACE "_bench$" "" name ${name})
  add_executable(bench_${name} ${source})
  target_link_libraries(bench_${name} PRIVATE jielong_train benchmark::benchmark)
  target_include_directories(bench_${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  add_dependencies(benchmarks bench_${name})
endforeach()

# bench_gemm compares with what is installed of these: development-time only.
pkg_check_modules(OPENBLAS QUIET IMPORTED_TARGET openblas)
if(OPENBLAS_FOUND)
  target_link_libraries(bench_gemm PRIVATE PkgConfig::OPENBLAS)
  target_compile_definitions(bench_gemm PRIVATE JIELONG_BENCH_OPENBLAS)
endif()
# Not by its CMake package, which in Debian asks for OpenCL.
find_path(ONEDNN_INCLUDE dnnl.hpp)
find_library(ONEDNN_LIBRARY dnnl)
find_package(OpenMP QUIET COMPONENTS CXX)
if(ONEDNN_INCLUDE AND ONEDNN_LIBRARY AND OpenMP_CXX_FOUND)
  target_link_libraries(bench_gemm PRIVATE ${ONEDNN_LIBRARY} OpenMP::OpenMP_CXX)
  target_compile_definitions(bench_gemm PRIVATE JIELONG_BENCH_ONEDNN)
endif()
