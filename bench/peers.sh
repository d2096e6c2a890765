#!/bin/sh
# Builds the engines that Jielong is measured against, each with all of this machine's CPU flags.
#
#   bench/peers.sh [FOLDER]     default: build/peers
#
# llama.cpp comes from the source package of PyPI's llama-cpp-python; FOLDER/llama.cpp/bin gets
# llama-bench, llama-completion, llama-quantize, llama-perplexity and llama-server. ik_llama.cpp is
# built beside it, as FOLDER/ik_llama.cpp/bin/llama-bench, if $IK_LLAMA_SOURCE names a checkout of
# it. What is built already is kept; remove FOLDER to begin again.
#
# Needs a C++ compiler, CMake, Ninja and Python with pip. $JOBS sets the number of compilers.
set -eu

version=0.3.36
folder=${1:-build/peers}
jobs=${JOBS:-$(nproc)}

say() { printf '%s\n' "$*" >&2; }

fetch_llama() {
  [ -d "$folder/llama.cpp/source" ] && return
  say "fetching llama-cpp-python $version"
  rm -rf "$folder/fetch"
  mkdir -p "$folder/fetch/unpacked"
  # pip asks the package for its metadata, for which it brings the build tools by itself.
  python3 -m pip download --quiet --no-deps --no-binary llama-cpp-python \
    --dest "$folder/fetch" "llama-cpp-python==$version"
  tar -xf "$folder/fetch/llama_cpp_python-$version.tar.gz" -C "$folder/fetch/unpacked"
  source="$folder/fetch/unpacked/llama_cpp_python-$version/vendor/llama.cpp"
  # With GCC 12 the header's _tile_loadconfig declares only the first 8 bytes of its operand as
  # read, the compiler drops the rest of the configuration, and AMX ends in an illegal instruction.
  mmq=$source/ggml/src/ggml-cpu/amx/mmq.cpp
  sed 's/^    _tile_loadconfig(&tc);/    asm volatile("" : : "m"(tc));\n&/' "$mmq" >"$mmq.new"
  mv "$mmq.new" "$mmq"
  mkdir -p "$folder/llama.cpp"
  mv "$source" "$folder/llama.cpp/source"
  rm -rf "$folder/fetch"
}

# build NAME SOURCE TARGET... (FA_ALL_QUANTS is ik_llama.cpp's: attention over quantized keys and
# values, which no benchmark here uses and which takes most of its compile time)
build() {
  name=$1 source=$2
  shift 2
  say "building $name ($*)"
  cmake -S "$source" -B "$folder/$name" -G Ninja -DCMAKE_BUILD_TYPE=Release -DGGML_NATIVE=ON \
    -DLLAMA_CURL=OFF -DLLAMA_OPENSSL=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_UI=OFF \
    -DGGML_IQK_FA_ALL_QUANTS=OFF \
    >"$folder/$name.configure.log" 2>&1 ||
    { tail -n 20 "$folder/$name.configure.log" >&2; exit 1; }
  ninja -C "$folder/$name" -j "$jobs" "$@" >"$folder/$name.build.log" 2>&1 ||
    { tail -n 20 "$folder/$name.build.log" >&2; exit 1; }
}

mkdir -p "$folder"
fetch_llama
build llama.cpp "$folder/llama.cpp/source" \
  llama-bench llama-completion llama-quantize llama-perplexity llama-server
say "built $folder/llama.cpp/bin/llama-bench"
if [ -n "${IK_LLAMA_SOURCE:-}" ]; then
  build ik_llama.cpp "$IK_LLAMA_SOURCE" llama-bench
  say "built $folder/ik_llama.cpp/bin/llama-bench"
else
  say "ik_llama.cpp: left out, since IK_LLAMA_SOURCE names no checkout of it"
fi
