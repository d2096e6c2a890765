#!/bin/bash
# Everything that is checked before a change lands, as stages with a heading and a time
# each. Without arguments all of them run, in this order; a failing stage does not keep the
# others from running, but makes the whole fail.
#   scripts/ci.sh [stage...]
set -uo pipefail
cd "$(dirname "$0")/.."
jobs=${JOBS:-$(nproc)}
ci=build/ci
mkdir -p $ci
export CMAKE_GENERATOR=Ninja CTEST_PARALLEL_LEVEL=$jobs CLICOLOR_FORCE=0
# Memory errors end a test; leaks count as errors too.
export LSAN_OPTIONS=suppressions=$PWD/scripts/library-leaks.txt:print_suppressions=0
export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1 UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1

# configure FOLDER [cmake options]: says nothing unless it fails.
configure() {
  local folder=$ci/$1
  shift
  mkdir -p "$folder"
  cmake -B "$folder" "$@" >"$folder/configure.log" 2>&1 || { cat "$folder/configure.log"; return 1; }
}

build() {
  local folder=$ci/$1
  shift
  cmake --build "$folder" -j "$jobs" ${1+--target "$@"} | grep -v '^\[[0-9]*/[0-9]*\] Building' |
    tail -200
}

run_tests() {
  local folder=$ci/$1
  shift
  ctest --test-dir "$folder" --output-on-failure --no-tests=error "$@" >"$folder/ctest.log" 2>&1
  local result=$?
  # The list of thousands of passed tests stays in the log.
  if [ $result != 0 ]; then grep -v ' Passed ' "$folder/ctest.log" | tail -300; fi
  sed -n '/tests passed/,$p' "$folder/ctest.log"
  return $result
}

stage_packages() { scripts/install-packages.sh --test; }

stage_floors() { python3 scripts/check_floors.py --self-test && python3 scripts/check_floors.py; }

stage_format() { scripts/format.sh; }

stage_page() { # the chat page: types, format, tests, size, and every path in a real browser
  (cd web && npm ci --ignore-scripts --silent && npm run --silent check && npm run --silent format &&
    npm run --silent test && npm run --silent build && npm run --silent size &&
    npm run --silent browser)
}

stage_page-real() { # the page of a real server, with the default model
  $ci/gcc/jielong pull --quiet smollm2 >/dev/null &&
    (cd web && JIELONG_PROGRAM=$OLDPWD/$ci/gcc/jielong npm run --silent browser real)
}

stage_release() { # GCC, optimized, every test
  configure gcc -S . -DCMAKE_BUILD_TYPE=Release && build gcc && run_tests gcc
}

stage_clang() { # Clang, ASan, UBSan and coverage for the fuzzers in one build; every test
  stage_configure-clang && build clang && run_tests clang
}

stage_configure-clang() {
  configure clang -S . -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG='-O1 -g1' \
    -DCMAKE_C_COMPILER=clang-14 -DCMAKE_CXX_COMPILER=clang++-14 \
    -DJIELONG_SANITIZE=address,undefined -DJIELONG_FUZZ=ON -DJIELONG_PCH=ON
}

stage_fuzz() { FUZZ_BUILD=$ci/clang scripts/fuzz.sh; }

stage_threads() { # the thread pool, a whole model on it, scheduler and server, under ThreadSanitizer
  configure tsan -S . -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG='-O1 -g1' \
    -DJIELONG_SANITIZE=thread &&
    build tsan test_base test_facade test_generate test_serve &&
    run_tests tsan -R 'ThreadPool|Facade|Scheduler|Batcher|ModelPool|Http|Server|Pitfalls'
}

stage_aarch64() { # kernels for Arm, cross-compiled and run under qemu
  configure aarch64 -S tests/aarch64 --toolchain "$PWD/cmake/aarch64.cmake" \
    -DCMAKE_BUILD_TYPE=Release && build aarch64 && run_tests aarch64
}

stage_install() { # an installation as others use it: find_package, pkg-config, .deb
  tests/consumer/run.sh $ci/gcc
}

stage_snippets() { JIELONG_PROGRAM=$ci/gcc/jielong python3 scripts/check_snippets.py; }

stage_tidy() { scripts/tidy.sh; }

stage_model() { # the default model, fetched by package name, gives a known answer
  scripts/model_smoke.sh $ci/gcc/jielong
}

stage_recipes() { # the lecture's claims as experiments: the small variant of each
  local folder work
  work=$(mktemp -d) || return 1
  for folder in recipes/*/; do
    [ -f "$folder/experiment.yaml" ] || continue
    printf '%s\n' "$folder"
    timeout 120 $ci/gcc/jielong experiment "$folder" --small --quiet --work "$work" || return 1
  done
  rm -rf "$work"
}

stage_clients() { # the official OpenAI, Anthropic and Ollama clients, and many streams at once
  local python=build/clients/bin/python
  [ -x $python ] || python3 -m venv build/clients || return 1
  $python -m pip install --quiet --disable-pip-version-check -r tests/clients/requirements.txt &&
    $ci/gcc/jielong pull --quiet smollm2 >/dev/null &&
    JIELONG_PROGRAM=$PWD/$ci/gcc/jielong $python -m pytest -q -p no:cacheprovider tests/clients &&
    $python tests/clients/load.py --program $ci/gcc/jielong --health-ms 2000  # other work runs beside
}

all='packages floors format page release install snippets model recipes page-real clients clang fuzz threads aarch64 tidy'
table=
failed=
for stage in ${*:-$all}; do
  if ! declare -F "stage_$stage" >/dev/null; then
    echo "error: no stage named $stage; fix: choose among: $all" >&2
    exit 2
  fi
  printf '\n== %s ==\n' "$stage"
  begin=$SECONDS
  if "stage_$stage" </dev/null; then result=passed; else result=FAILED; failed="$failed $stage"; fi
  table+=$(printf '%-12s %4d s  %s' "$stage" $((SECONDS - begin)) $result)$'\n'
done

printf '\n== summary ==\n%s%-12s %4d s\n' "$table" total $SECONDS
if [ -f $ci/gcc/ctest.log ]; then
  sed -n '/tests passed/p;/^Total Test time/p' $ci/gcc/ctest.log
fi
if [ -n "$failed" ]; then
  echo "failed:$failed"
  exit 1
fi
