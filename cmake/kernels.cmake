# Kernels are compiled once per instruction set, from src/tensor/kernels/isa/<name>/*.cpp,
# and chosen at run time. No other file is compiled with more than the platform's baseline.
set(flags_baseline "")
set(flags_avx2 -mavx2 -mfma -mf16c)
set(flags_avxvnni ${flags_avx2} -mavxvnni)
set(flags_avx512 ${flags_avx2} -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vbmi
  -mavx512vnni)
set(flags_avx512bf16 ${flags_avx512} -mavx512bf16)
set(flags_amx ${flags_avx512bf16} -mamx-tile -mamx-int8 -mamx-bf16)
set(flags_neon "")
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 takes the undefined operands in its own AVX-512 headers for a mistake of ours.
  foreach(isa avx512 avx512bf16 amx)
    list(APPEND flags_${isa} -Wno-uninitialized -Wno-maybe-uninitialized)
  endforeach()
endif()
set(flags_dotprod -march=armv8.2-a+dotprod+fp16)
set(flags_i8mm -march=armv8.2-a+dotprod+fp16+i8mm+bf16)

if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set(isas baseline avx2 avxvnni avx512 avx512bf16 amx)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  set(isas neon dotprod i8mm)
else()
  set(isas baseline)
endif()
foreach(isa IN LISTS isas)
  file(GLOB sources CONFIGURE_DEPENDS
    ${JIELONG_ROOT}/src/tensor/kernels/isa/${isa}/*.cpp)
  if(sources)
    target_sources(jielong_tensor PRIVATE ${sources})
    if(JIELONG_SANITIZE)
      # Checks of every address computed make unrolled code take minutes to compile, where
      # AddressSanitizer finds what they would; fuzzers have nothing to learn there.
      set(optimize -O1 -fno-sanitize=pointer-overflow)
      if(JIELONG_FUZZ)
        list(APPEND optimize -fno-sanitize=fuzzer-no-link)
      endif()
    else()
      # Kernels stay optimized in debug builds: their names promise speed.
      set(optimize -O3)
    endif()
    set_source_files_properties(${sources} PROPERTIES COMPILE_OPTIONS "${flags_${isa}};${optimize}")
  endif()
endforeach()
