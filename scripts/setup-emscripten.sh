# setup-emscripten.sh: an Emscripten that has the final relaxed-SIMD instructions (>= 3.1.58, LLVM >= 17).
# Sourced by setup.sh. Out: PATH (with emcc and wasm-opt) and, for our own one, EM_CONFIG. No root needed.
#
# The user's own comes first: `emcc` on the PATH, or that of $EMSDK, when a small program compiles with it. Otherwise, on
# Debian 12 (amd64), Debian's own packages are unpacked into the cache, with apt lists of their own so that the system's
# apt state stays as it is: Emscripten (for all machines) and Binaryen from Debian 13, LLVM 19 from Debian 12. Binaryen runs
# through Debian 13's dynamic loader and libraries, LLVM with the few Debian 12 libraries that a bare system lacks.
EMSCRIPTEN_MIN=3.1.58
EMSCRIPTEN_DIR=$CACHE/emscripten-trixie-2 # a new number when this script lays it out differently

emcc_version() { "$1" --version 2>/dev/null | sed -nE '1s/.* ([0-9]+\.[0-9]+\.[0-9]+).*/\1/p'; }

# A good version can still lack its LLVM, so a program is compiled and linked. Remembered by version, date and
# inode, which a move keeps.
emcc_works() { # emcc_works EMCC
  local folder key version stamp=$CACHE/emcc-probed
  folder=$(dirname "$(readlink -f "$1")")
  key=$(cd "$folder" && cat emscripten-version.txt 2>/dev/null; ls -lni emcc.py emcc 2>/dev/null || true)
  key=${key//$'\n'/ }
  if [ -f "$stamp" ] && grep -qxF "$key" "$stamp"; then return 0; fi
  version=$(emcc_version "$1" || true)
  if [ -z "$version" ] || ! at_least "$version" "$EMSCRIPTEN_MIN"; then
    say "$1 is version ${version:-unknown}; $EMSCRIPTEN_MIN or newer is needed"
    return 1
  fi
  local work
  rm -rf "$CACHE"/probe.* # what an interrupted set-up left
  work=$(mktemp -d "$CACHE/probe.XXXXXX")
  cat > "$work/probe.c" <<'C'
#include <wasm_simd128.h>
float probe(float x) {
  v128_t v = wasm_f32x4_splat(x);
  return wasm_f32x4_extract_lane(wasm_f32x4_relaxed_madd(v, v, v), 0);
}
C
  if ! "$1" -O2 -msimd128 -mrelaxed-simd -sSTANDALONE_WASM --no-entry -sEXPORTED_FUNCTIONS=_probe \
    "$work/probe.c" -o "$work/probe.wasm" > "$work/log" 2>&1; then
    say "$1 $version cannot compile a relaxed-SIMD program:"
    tail -n 5 "$work/log" >&2
    rm -rf "$work"
    return 1
  fi
  rm -rf "$work"
  echo "$key" >> "$stamp"
}

emscripten_wrap() { # emscripten_wrap FILE LINE...: a program of these lines, which know their own folder as $here
  local file=$1
  shift
  printf '%s\n' '#!/bin/sh' 'here=$(dirname "$(readlink -f "$0")")' "$@" > "$file"
  chmod +x "$file"
}

emscripten_fetch() { # emscripten_fetch FOLDER: unpacks everything there; the result may be moved
  local to=$1 apt=$1/apt uri keys=/usr/share/keyrings/debian-archive-keyring.gpg
  uri=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' |
    awk '$2 == "bookworm" && $3 == "main" { print $1; exit }')
  [ -n "$uri" ] || fail "apt's sources name no mirror with Debian 12's main packages" "Add one, or install emsdk: see README.md."
  mkdir -p "$apt"/{lists,cache/archives}/partial "$apt"/{next,own}
  printf "deb [signed-by=$keys] %s %s main\n" "$uri" bookworm "$uri" trixie > "$apt/sources.list"
  local options=(-q -o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::Lists=$apt/lists" -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User=
    -o APT::Update::Post-Invoke= -o APT::Update::Post-Invoke-Success= -o APT::Update::Error-Mode=any)
  apt-get "${options[@]}" update
  (cd "$apt/next" && apt-get "${options[@]}" download {emscripten,binaryen,libc6,libstdc++6,libgcc-s1}/trixie)
  (cd "$apt/own" && apt-get "${options[@]}" download {node-acorn,libbsd0,libedit2,libicu72,libmd0,libxml2,libz3-4}/bookworm \
    {clang-19,lld-19,llvm-19,llvm-19-linker-tools,libllvm19,libclang-cpp19,libclang-common-19-dev,libclang1-19}/bookworm)

  local deb
  dpkg -x "$apt"/next/emscripten_*.deb "$to"
  for deb in "$apt"/next/{binaryen,libc6,libstdc++6,libgcc-s1}_*.deb; do dpkg -x "$deb" "$to/next"; done
  for deb in "$apt"/own/*.deb; do dpkg -x "$deb" "$to/llvm"; done
  rm -rf "$apt" "$to/usr/share/emscripten/"{test,docs}

  # What Debian's packages find through folders that are elsewhere here.
  ln -s ../../x86_64-linux-gnu/libLLVM.so.19.1 "$to/llvm/usr/lib/llvm-19/lib/libLLVM.so.19.1"
  mkdir -p "$to/usr/share/emscripten/node_modules"
  ln -s ../../../../llvm/usr/share/nodejs/acorn "$to/usr/share/emscripten/node_modules/acorn"

  local tool
  mkdir -p "$to/binaryen/bin" "$to/llvm/bin"
  for tool in "$to"/next/usr/bin/wasm*; do
    emscripten_wrap "$to/binaryen/bin/${tool##*/}" \
      'lib=$here/../../next/usr/lib/x86_64-linux-gnu' \
      "exec \"\$lib/ld-linux-x86-64.so.2\" --library-path \"\$lib\" \"\$here/../../next/usr/bin/${tool##*/}\" \"\$@\""
  done
  for tool in "$to"/llvm/usr/lib/llvm-19/bin/*; do
    emscripten_wrap "$to/llvm/bin/${tool##*/}" \
      'export LD_LIBRARY_PATH=$here/../usr/lib/x86_64-linux-gnu' \
      "exec \"\$here/../usr/lib/llvm-19/bin/${tool##*/}\" \"\$@\""
  done
  cat > "$to/config" <<'P'
import os, shutil
here = os.path.dirname(os.environ['EM_CONFIG'])
LLVM_ROOT = here + '/llvm/bin'
BINARYEN_ROOT = here + '/binaryen'
NODE_JS = shutil.which('node')
FROZEN_CACHE = True
P
}

emscripten_enter() { # emscripten_enter FOLDER: makes our own Emscripten there the one that runs
  unset EM_CACHE EM_LLVM_ROOT EM_BINARYEN_ROOT EM_NODE_JS EM_FROZEN_CACHE EMCC_CFLAGS # each of them breaks it
  export EM_CONFIG=$1/config PATH=$1/usr/share/emscripten:$1/binaryen/bin:$PATH
}

emscripten_install() {
  local id; id=$( . /etc/os-release 2>/dev/null; echo "${ID:-}:${VERSION_ID:-}:$(dpkg --print-architecture 2>/dev/null || true)")
  [ "$id" = debian:12:amd64 ] || fail "no Emscripten >= $EMSCRIPTEN_MIN found, and set-up can fetch one on Debian 12 (amd64) only" \
    "Install emsdk (https://emscripten.org/docs/getting_started/downloads.html) or your system's emscripten" \
    "package when it is new enough, see that 'emcc --version' works, and run make again."
  say "installing Emscripten (Debian 13's, with LLVM 19) into $EMSCRIPTEN_DIR: 331 MB to fetch, 2 GB on disk, no root needed"
  rm -rf "$CACHE"/emscripten-*.new.* "$EMSCRIPTEN_DIR" # what an interrupted set-up left
  local new log=$CACHE/emscripten.log
  new=$(mktemp -d "$EMSCRIPTEN_DIR.new.XXXXXX")
  if ! (emscripten_fetch "$new") > "$log" 2>&1; then
    grep -E '^(E|Err|W|dpkg|setup|tar|mktemp|mkdir)' "$log" | tail -n 8 >&2 || true
    rm -rf "$new"
    fail "could not fetch or unpack Emscripten; the whole log is $log" \
      "It comes from the Debian mirror that apt uses, so a network and about 3 GB of disk are needed." \
      "Or install emsdk, see that 'emcc --version' works, and run make again."
  fi
  chmod 755 "$new"
  (emscripten_enter "$new" && emcc_works "$new/usr/share/emscripten/emcc") || fail "the Emscripten just unpacked does not work" \
    "It lies in $new; please report this with the lines above."
  mv "$new" "$EMSCRIPTEN_DIR"
}

emscripten_is_whole() { # each of its programs still runs
  [ -f "$EMSCRIPTEN_DIR/config" ] && [ -d "$EMSCRIPTEN_DIR/usr/share/emscripten/cache/sysroot" ] || return 1
  local program
  for program in llvm/bin/clang llvm/bin/wasm-ld binaryen/bin/wasm-opt; do
    "$EMSCRIPTEN_DIR/$program" --version > /dev/null 2>&1 || return 1
  done
}

setup_emscripten() {
  local emcc folder
  for emcc in "$(command -v emcc || true)" "${EMSDK:+$EMSDK/upstream/emscripten/emcc}"; do
    if [ -x "$emcc" ] && emcc_works "$emcc"; then
      folder=$(dirname "$(readlink -f "$emcc")")
      export PATH=$(dirname "$emcc"):$PATH
      has wasm-opt || export PATH=$PATH:$("$folder/em-config" BINARYEN_ROOT 2>/dev/null)/bin
      return
    fi
  done
  if emscripten_is_whole; then
    (emscripten_enter "$EMSCRIPTEN_DIR" && emcc_works "$EMSCRIPTEN_DIR/usr/share/emscripten/emcc") || emscripten_install
  else
    emscripten_install
  fi
  emscripten_enter "$EMSCRIPTEN_DIR"
}
