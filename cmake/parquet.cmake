# Reading Parquet needs Apache Arrow's C++ library, which Debian 12 does not have. JIELONG_PARQUET=ON
# takes an installed one (Arrow's own packages), or the one inside Python's pyarrow: of the folder
# JIELONG_PYARROW, or of the pyarrow that python3 finds.
option(JIELONG_PARQUET "Read Parquet files, with Apache Arrow's library" OFF)
set(JIELONG_PYARROW "" CACHE PATH "Folder of the Python package pyarrow, for its C++ library")
if(NOT JIELONG_PARQUET)
  return()
endif()

find_package(Parquet QUIET CONFIG)
if(Parquet_FOUND)
  set(parquet_libraries Parquet::parquet_shared)
  get_target_property(parquet_includes Arrow::arrow_shared INTERFACE_INCLUDE_DIRECTORIES)
else()
  if(NOT JIELONG_PYARROW)
    find_package(Python3 REQUIRED COMPONENTS Interpreter)
    execute_process(COMMAND ${Python3_EXECUTABLE} -c "import pyarrow; print(pyarrow.__path__[0])"
      OUTPUT_VARIABLE JIELONG_PYARROW OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  endif()
  file(GLOB parquet_libraries "${JIELONG_PYARROW}/libparquet.so.*" "${JIELONG_PYARROW}/libarrow.so.*")
  if(NOT JIELONG_PYARROW OR NOT parquet_libraries)
    message(FATAL_ERROR "JIELONG_PARQUET: neither Arrow's C++ library nor Python's pyarrow was found;"
      " install one (python3 -m venv, pip install pyarrow) or give -DJIELONG_PYARROW=FOLDER")
  endif()
  set(parquet_includes "${JIELONG_PYARROW}/include")
endif()

# One file knows of Arrow; nothing else is compiled differently.
set(parquet_options "")
foreach(folder IN LISTS parquet_includes)
  list(APPEND parquet_options "-isystem${folder}")
endforeach()
set_source_files_properties(src/train/data/parquet_rows.cpp PROPERTIES
  COMPILE_DEFINITIONS JIELONG_PARQUET COMPILE_OPTIONS "${parquet_options}")
target_link_libraries(jielong_train INTERFACE ${parquet_libraries})
