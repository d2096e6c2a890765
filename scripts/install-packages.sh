#!/bin/sh
# Installs the Debian packages that Jielong is built and tested with. Says nothing and
# touches nothing when all of them are there. As root it calls apt-get, otherwise sudo.
#
#   scripts/install-packages.sh          what a build and a chat need
#   scripts/install-packages.sh --test   also what the tests and checks need
#   scripts/install-packages.sh --bench  also what the benchmarks need
set -eu

build='
  g++ make cmake ninja-build pkg-config ccache ca-certificates
  libfmt-dev nlohmann-json3-dev libssl-dev libcurl4-openssl-dev libpcre2-dev
  libutf8proc-dev libcli11-dev libzip-dev libedit-dev libmicrohttpd-dev libyaml-cpp-dev
  zlib1g-dev libzstd-dev'
test='
  libgtest-dev libgmock-dev googletest libcpp-httplib-dev python3 python3-venv git dpkg-dev file
  chromium libopenmpi-dev openmpi-bin
  clang-14 clang-format-14 clang-tidy-14 libclang-rt-14-dev
  g++-aarch64-linux-gnu qemu-user'
bench='libbenchmark-dev libopenblas-dev libdnnl-dev python3 python3-pip'

wanted=$build
for option in "$@"; do
  case $option in
    --test) wanted="$wanted $test" ;;
    --bench) wanted="$wanted $bench" ;;
    *) echo "usage: $0 [--test] [--bench]" >&2; exit 2 ;;
  esac
done

# Debian's npm brings hundreds of packages: only where there is no Node.js 18 or newer.
if ! command -v npm >/dev/null ||
  ! node -e 'process.exit(parseInt(process.versions.node) >= 18 ? 0 : 1)' 2>/dev/null; then
  wanted="$wanted nodejs npm"
fi

missing=
for package in $wanted; do
  # shellcheck disable=SC2016  # ${Status} is dpkg-query's own variable
  status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
  [ "$status" = 'install ok installed' ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
  as_root=
elif command -v sudo >/dev/null; then
  as_root=sudo
else
  echo "error: these packages are missing:$missing" >&2
  echo "fix: become root and run: apt-get install$missing" >&2
  exit 1
fi

echo "Installing:$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086  # the lists are meant to be split
if ! { $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q update &&
  $as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get -q -y install --no-install-recommends $missing; } >"$log" 2>&1; then
  cat "$log" >&2
  echo "error: the packages could not be installed:$missing" >&2
  echo "fix: see apt-get's message above; a network connection to a Debian mirror is needed" >&2
  exit 1
fi
