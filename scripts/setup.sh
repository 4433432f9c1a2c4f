#!/usr/bin/env bash
# setup.sh PART... [-- COMMAND...]: brings what the named parts of the project need, says what it installs and skips what
# is there; then runs the command with all of it on the PATH (`scripts/setup.sh wasm -- bash` is a shell that has emcc).
#   native  compiler, CMake, zlib          wasm    Emscripten, Node.js         js      Node.js, the npm packages
#   test    everything the tests use       bench   the benchmark's peers       format  clang-format
#   demo    the interactive page's packages
# System packages come through apt (sudo only when not root); all else goes into a cache folder of the user's,
# ${XDG_CACHE_HOME:-~/.cache}/siren-rope, which checkouts share, and into node_modules.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. "$ROOT/scripts/setup-system.sh"
. "$ROOT/scripts/setup-node.sh"
. "$ROOT/scripts/setup-emscripten.sh"

parts=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
  case $1 in
    native | wasm | js | test | bench | format | demo) parts+=("$1") ;;
    *) fail "no such part: $1" "There are native, wasm, js, test, bench, format and demo." ;;
  esac
  shift
done
[ ${#parts[@]} -gt 0 ] || fail "name the parts to set up: native, wasm, js, test, bench, format, demo"
wanted() { case " ${parts[*]} " in *" $1 "*) ;; *) return 1 ;; esac }

lock_cache
setup_system "${parts[@]}"
if wanted wasm || wanted js || wanted bench || wanted demo; then setup_node; fi
if wanted wasm; then setup_emscripten; fi
if wanted js; then setup_packages .; fi
if wanted demo; then setup_packages demo; fi
if wanted bench; then setup_packages tests/bench; fi
if wanted test; then
  for lock in "$ROOT"/tests/*/package-lock.json; do
    [ ! -f "$lock" ] || setup_packages "tests/$(basename "$(dirname "$lock")")"
  done
fi

unlock_cache
if [ $# -gt 1 ]; then
  shift
  exec "$@"
fi
