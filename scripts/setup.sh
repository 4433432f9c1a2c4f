#!/usr/bin/env bash
# setup.sh PART...: brings what the named parts of the project need, says what it installs, and skips what is there.
#   native  compiler, CMake, zlib          wasm    Emscripten, Node.js         js      Node.js, the npm packages
#   test    everything the tests use       bench   the benchmark's packages    format  clang-format
# System packages come through apt (sudo only when not root); all else goes into a cache folder of the user's,
# ${XDG_CACHE_HOME:-~/.cache}/siren-rope, which checkouts share, and into node_modules. Out: .cache/env.sh, which the
# Makefile sources: the PATH (and EM_CONFIG) that finds it all.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. "$ROOT/scripts/setup-system.sh"
. "$ROOT/scripts/setup-node.sh"
. "$ROOT/scripts/setup-emscripten.sh"

[ $# -gt 0 ] || fail "name the parts to set up: native, wasm, js, test, bench, format"
wanted() { case " $parts " in *" $1 "*) ;; *) return 1 ;; esac }
parts=$*
for part in $parts; do
  case $part in
    native | wasm | js | test | bench | format) ;;
    *) fail "no such part: $part" ;;
  esac
done

lock_cache
setup_system $parts
if wanted wasm || wanted js || wanted bench; then setup_node; fi
if wanted wasm; then setup_emscripten; fi
if wanted js; then setup_packages .; fi
if wanted bench; then setup_packages tests/bench; fi
if wanted test; then
  for lock in "$ROOT"/tests/*/package-lock.json; do
    [ ! -f "$lock" ] || setup_packages "tests/$(basename "$(dirname "$lock")")"
  done
fi

mkdir -p "$ROOT/.cache"
{
  echo 'unset EM_CACHE EM_LLVM_ROOT EM_BINARYEN_ROOT EM_NODE_JS EM_FROZEN_CACHE EMCC_CFLAGS'
  printf 'export PATH=%q\n' "$PATH"
  [ -z "${EM_CONFIG:-}" ] || printf 'export EM_CONFIG=%q\n' "$EM_CONFIG"
} > "$ROOT/.cache/env.sh.$$"
mv "$ROOT/.cache/env.sh.$$" "$ROOT/.cache/env.sh"
