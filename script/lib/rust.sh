# Rust's tools: what must be there, where Cargo puts programs, and a test runner. cargo-nextest is
# used if it is there or can be fetched at once, because it runs each test in a process of its own;
# without it `cargo test` does the work. Sourced; needs common.sh and packages.sh.

TEST_LOG=$LOGS/tests.log
NEXTEST_BIN=$LOGS/bin # for a cargo-nextest that was fetched

require_rust() {
  have_command cargo || die "Rust is missing: see https://rustup.rs"
}

# require_rust_components: rustfmt and clippy, which a minimal toolchain lacks.
require_rust_components() {
  local component
  for component in fmt clippy; do
    cargo "$component" --version >/dev/null 2>&1 || note "rust: adding ${component/#fmt/rustfmt}"
    cargo "$component" --version >/dev/null 2>&1 || quietly rustup rustup component add "${component/#fmt/rustfmt}"
  done
}

# program NAME: the path of a program built with the dev profile.
program() {
  local target
  target=$(cargo metadata --format-version 1 --no-deps --locked --offline 2>/dev/null |
    sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
  echo "${target:-${CARGO_TARGET_DIR:-$ROOT/target}}/debug/$1"
}

have_nextest() { cargo nextest --version >/dev/null 2>&1; }

# prepare_nextest: fetches the released program where it is missing and can be reached.
prepare_nextest() {
  PATH=$NEXTEST_BIN:$PATH
  have_nextest && return
  local platform
  case $(uname -m) in
    x86_64) platform=linux ;;
    aarch64) platform=linux-arm ;;
    *) return 0 ;;
  esac
  mkdir -p "$NEXTEST_BIN"
  if attended curl --fail --silent --location --proto =https --connect-timeout 5 --max-time 90 \
    --output "$NEXTEST_BIN/nextest.tar.gz" "https://get.nexte.st/latest/$platform" &&
    tar --extract --gzip --file "$NEXTEST_BIN/nextest.tar.gz" --directory "$NEXTEST_BIN" && have_nextest; then
    note "tests: fetched $(cargo nextest --version | head -n 1)"
  else
    note "tests: cargo-nextest cannot be fetched, so cargo test runs them"
  fi
}

# Chance takes part in some tests; here it makes the same cases each time.
export PROPTEST_RNG_SEED=${PROPTEST_RNG_SEED:-8}

# run_tests [ARGUMENTS…]: unit tests and stories; the output also goes to TEST_LOG.
run_tests() {
  local colour=never command=(cargo nextest run --no-fail-fast)
  [[ ! -t 1 ]] || colour=always
  have_nextest || command=(cargo test --no-fail-fast --lib --bins --tests)
  # tee must see the end of the output after Ctrl-C, too.
  CARGO_TERM_COLOR=$colour "${command[@]}" --workspace --locked "$@" 2>&1 | tee --ignore-interrupts "$TEST_LOG"
}

# test_summary: the test runner's closing lines; for cargo test, which has none, the sum of its parts.
test_summary() {
  [[ -e $TEST_LOG ]] || return 0
  local plain
  plain=$(sed 's/\x1b\[[0-9;]*[A-Za-z]//g' "$TEST_LOG")
  if grep -q '^ *Summary \[' <<<"$plain"; then
    sed -n '/^ *Summary \[/,$p' <<<"$plain"
    return
  fi
  awk '
    /^test result: / { passed += $4; failed += $6; ignored += $8; seconds += $NF }
    /^test .* FAILED$/ { names = names "\n        FAIL " $2 }
    END { if (passed + failed > 0)
      printf "     Summary [%8.3fs] %d tests run: %d passed, %d failed, %d skipped%s\n",
        seconds, passed + failed, passed, failed, ignored, names }' <<<"$plain"
}
