#!/usr/bin/env bash
# test.sh: what `make test` does after set-up: builds natively with gcc and clang and with the sanitizers, and for
# WebAssembly; runs every suite of each; checks the sizes; runs ESLint and the JavaScript suites; builds the page and tries
# it in browsers. A step that fails does not stop the others. Logs and results go to build/test/. Last,
# scripts/count-tests.mjs prints the table and the one line of counts, and its exit status is this one's.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT"
unset MAKEFLAGS MAKELEVEL # make started this; the makes below are not its children
OUT=$ROOT/build/test
JOBS=${JOBS:-$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)}
rm -rf "$OUT"
mkdir -p "$OUT"

# step NAME COMMAND...: runs it with its output in a log. A step is one test of its own, and results it leaves as
# NAME.junit.xml, NAME.jest.json or NAME.node.txt are counted one by one besides.
step() {
  local name=$1 started=$SECONDS status=0
  shift
  printf '%-24s ' "$name"
  "$@" > "$OUT/$name.log" 2>&1 < /dev/null || status=$?
  printf '%s  %s s\n' "$([ "$status" = 0 ] && echo ok || echo "FAILED (status $status)")" $((SECONDS - started))
  printf '%s\t%s\n' "$name" "$status" >> "$OUT/steps.tsv"
  [ "$status" = 0 ] || { echo "--- the end of $OUT/$name.log"; tail -n "${TAIL:-60}" "$OUT/$name.log"; echo '---'; }
  return "$status"
}

native() { cmake --preset "$1" && cmake --build --preset "$1" --parallel "$JOBS"; }
wasm() { make --no-print-directory do-wasm; }
suites() { # suites PRESET: cmocka's lines are counted too, so outputs are kept whole
  ctest --test-dir "build-$1" --no-tests=error --output-on-failure --timeout 900 --parallel "$JOBS" \
    --output-junit "$OUT/$1-suites.junit.xml" --test-output-size-passed 4000000 --test-output-size-failed 4000000
}
jest() { # jest NAME FILTER...
  npm test -- --json --outputFile="$OUT/$1.jest.json" "${@:2}"
}
page() { (cd demo && npm run --silent build); }
node_tests() { (cd "tests/$1" && npm test) 2>&1 | tee "$OUT/$1.node.txt"; }

step native-build make --no-print-directory do-native || true
for preset in gcc clang asan; do
  if step "$preset-build" native "$preset"; then step "$preset-suites" suites "$preset" || true; fi
done
if step wasm-build wasm && step js-build npm run build; then
  step sizes node scripts/check-sizes.mjs || true
  step lint npm run lint || true
  step javascript jest javascript --testPathIgnorePatterns tests/browser || true
  if step page-build page; then step browsers jest browsers tests/browser || true; fi
  step bench node_tests bench || true
fi
node scripts/count-tests.mjs "$OUT"
