# Training over several processes. JIELONG_MPI: AUTO uses MPI where it is installed.
set(JIELONG_MPI AUTO CACHE STRING "Train over several processes with MPI (AUTO, ON, OFF)")
if(JIELONG_MPI STREQUAL "AUTO")
  find_package(MPI QUIET COMPONENTS C)
elseif(JIELONG_MPI)
  find_package(MPI REQUIRED COMPONENTS C)
endif()
if(NOT JIELONG_MPI OR NOT MPI_C_FOUND)
  return()
endif()

get_target_property(kind jielong_train TYPE)
if(NOT kind STREQUAL "STATIC_LIBRARY")
  return()
endif()
# One file knows of MPI; nothing else is compiled differently.
list(TRANSFORM MPI_C_INCLUDE_DIRS PREPEND "-isystem" OUTPUT_VARIABLE mpi_includes)
set_source_files_properties(src/train/parallel/mpi_communicator.cpp PROPERTIES
  COMPILE_DEFINITIONS JIELONG_MPI COMPILE_OPTIONS "${mpi_includes}")
target_link_libraries(jielong_train INTERFACE $<LINK_ONLY:MPI::MPI_C>)

if(JIELONG_TESTS AND NOT JIELONG_SANITIZE)
  add_executable(test_train_mpi tests/train/mpi/two_ranks.cpp)
  target_link_libraries(test_train_mpi PRIVATE jielong_train)
  target_include_directories(test_train_mpi PRIVATE tests)
  # Debian's Open MPI refuses root and more processes than cores unless told otherwise.
  add_test(NAME Mpi.TwoProcessesTrainLikeOne
    COMMAND ${MPIEXEC_EXECUTABLE} ${MPIEXEC_NUMPROC_FLAG} 2 $<TARGET_FILE:test_train_mpi>)
  set_tests_properties(Mpi.TwoProcessesTrainLikeOne PROPERTIES LABELS train TIMEOUT 120
    ENVIRONMENT "OMPI_ALLOW_RUN_AS_ROOT=1;OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1;OMPI_MCA_rmaps_base_oversubscribe=1;OMPI_MCA_btl_vader_single_copy_mechanism=none")
endif()
