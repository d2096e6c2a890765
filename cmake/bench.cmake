# One program bench_<name> for every bench/<name>_bench.cpp, and the target `benchmarks`
# for all of them.
find_package(benchmark REQUIRED)
add_custom_target(benchmarks)
file(GLOB bench_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/bench/*_bench.cpp)
foreach(source IN LISTS bench_sources)
  get_filename_component(name ${source} NAME_WE)
  string(REGEX REPLACE "_bench$" "" name ${name})
  add_executable(bench_${name} ${source})
  target_link_libraries(bench_${name} PRIVATE jielong_generate benchmark::benchmark)
  add_dependencies(benchmarks bench_${name})
endforeach()
