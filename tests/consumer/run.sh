#!/bin/bash
# Installs a build into a folder and uses it as a stranger would: find_package, pkg-config,
# the exported symbols, the Debian packages.
#   tests/consumer/run.sh build-folder [model]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$1
model=${2-}
work=$(cd "$build" && pwd)/consumer
rm -rf "$work"
mkdir -p "$work/bin"
# Installed in one place and moved to another: nothing may remember where it was.
cmake --install "$build" --prefix "$work/first" >"$work/install.log"
mv "$work/first" "$work/prefix"
libs=$(cd "$(dirname "$(find "$work/prefix" -name libjielong.so)")" && pwd)

echo 'find_package:'
cmake -S "$here" -B "$work/cmake" -G Ninja -DCMAKE_PREFIX_PATH="$work/prefix" >"$work/cmake.log"
cmake --build "$work/cmake" >>"$work/cmake.log"
echo 'pkg-config:'
PKG_CONFIG_PATH=$libs/pkgconfig make -s -C "$here" OUT="$work/bin"
export LD_LIBRARY_PATH=$libs
for program in "$work"/cmake/{shared_cpp,static_cpp,shared_c} "$work"/bin/pkg_{cpp,c,static}; do
  printf '  %-12s ' "$(basename "$program")"
  "$program" ${model:+"$model"}
done

# Only the C interface is visible, and the soname carries the version of the promise.
foreign=$(nm -D --defined-only "$libs/libjielong.so" | awk '{ print $3 }' | grep -iv '^jielong_' || true)
[ -z "$foreign" ] || { echo "error: libjielong.so also exports: $foreign" | head -20; exit 1; }
soname=$(objdump -p "$libs/libjielong.so" | awk '/SONAME/ { print $2 }')
[ "$soname" = libjielong.so.0 ] || { echo "error: soname $soname"; exit 1; }
# Nothing in the installation remembers the build folder.
if grep -rIl "$(cd "$build" && pwd)" "$work/prefix"; then
  echo 'error: the files above name the build folder'
  exit 1
fi
if readelf -d "$libs/libjielong.so" "$work"/prefix/bin/* | grep -E 'RPATH|RUNPATH'; then
  echo 'error: an installed file has an rpath'
  exit 1
fi

echo 'Debian packages:'
(cd "$build" && cpack -G DEB -B "$work/deb" >"$work/cpack.log")
for package in "$work"/deb/*.deb; do
  printf '  %s\n' "$(dpkg-deb -f "$package" Package Version Depends | tr '\n' ' ')"
done
for package in jielong libjielong0 libjielong-dev; do
  ls "$work/deb/${package}"_*.deb >/dev/null
done
