# setup-system.sh: what comes from the system's packages. Sourced by setup.sh.
# Every need is a test and the Debian package that meets it. Nothing is installed where the test passes, so on another
# system, or without root, a user meets the needs in any way and set-up is content.
SYSTEM_MISSING=() # packages

needs() { # needs "PACKAGES" TEST...
  "${@:2}" > /dev/null 2>&1 || SYSTEM_MISSING+=($1)
}
links() { # links COMPILER FLAG... : a C program on standard input compiles and links with them
  has "$1" && "$@" -x c - -o /dev/null
}
links_main() { echo 'int main(void) { return 0; }' | links "$@"; }
links_fuzzer() { echo 'int LLVMFuzzerTestOneInput(const char *p, long n) { return p == 0 && n; }' | links "$@"; }
has_header() { echo "#include <$1>" | cc -E -x c - ; }
has_cmocka() { printf '#include <%s>\n' stdarg.h stddef.h stdint.h setjmp.h cmocka.h | cc -E -x c -; }
has_cmake() { has cmake && at_least "$(cmake --version | sed -nE '1s/.* ([0-9.]+).*/\1/p')" 3.25; }
has_node() { has node && at_least "$(node --version)" v20.19 && has npm; }
can_have_node() { has_node || node_is_cached || { has node && has npm; }; } # an old one fetches a new one
has_torch() { # the Python that the tests and the bench take, tried in the same order; found, not imported: that takes a second
  local python
  for python in "${PYTHON:-}" python3 /usr/bin/python3; do
    has "$python" && "$python" -c 'from importlib.util import find_spec as f; exit(not (f("torch") and f("numpy")))' && return
  done
  return 1
}
has_openblas() { PATH=$PATH:/sbin:/usr/sbin ldconfig -p | grep libopenblas || ! has apt-get; } # else its BLAS came with its PyTorch
has_valgrind() { has valgrind || ! has apt-get; } # else tests/guard is skipped: it knows Debian's compilers only
has_mpi() { has mpirun && has mpicc && mpirun --version | grep -q 'Open MPI'; }
has_browser() { has chromium || has chromium-browser || has google-chrome || [ -x "${CHROMIUM:-}" ]; }
has_firefox() { has firefox-esr || has firefox || [ -x "${FIREFOX:-}" ]; }
has_webkit() { # as tests/browser/webkit.mjs looks for it
  has WebKitWebDriver || return
  [ -x "${MINIBROWSER:-}" ] || has MiniBrowser ||
    compgen -G '/usr/lib*/webkit*/MiniBrowser' || compgen -G '/usr/lib/*-linux-gnu/webkit*/MiniBrowser'
}
has_font() { # or screenshots have no text
  find -L /usr/share/fonts /usr/local/share/fonts "${HOME:-/}/.fonts" "${HOME:-/}/.local/share/fonts" \( -name '*.[to]tf' -o -name '*.ttc' \) -print -quit 2>/dev/null | grep .
}

system_needs() { # system_needs PART...: fills SYSTEM_MISSING
  SYSTEM_MISSING=()
  needs make has make
  needs cmake has_cmake
  local part
  for part in "$@"; do system_needs_of "$part"; done
}
system_needs_of() {
  case $1 in
    native)
      needs "gcc libc6-dev" links_main cc
      needs zlib1g-dev has_header zlib.h
      ;;
    wasm)
      needs python3 has python3
      needs "nodejs npm ca-certificates" can_have_node
      ;;
    js)
      needs "nodejs npm ca-certificates" can_have_node
      ;;
    test)
      needs "gcc libc6-dev" links_main gcc
      needs clang links_main clang
      needs libclang-rt-dev links_fuzzer clang -fsanitize=address,undefined,fuzzer
      needs libcmocka-dev has_cmocka
      needs chromium has_browser
      needs firefox-esr has_firefox
      needs webkit2gtk-driver has_webkit
      needs xvfb has Xvfb
      needs fonts-dejavu-core has_font
      needs "python3-torch python3-numpy" has_torch
      needs libopenblas0-pthread has_openblas
      needs "openmpi-bin libopenmpi-dev" has_mpi
      needs valgrind has_valgrind
      ;;
    bench)
      needs "python3-torch python3-numpy" has_torch
      needs libopenblas0-pthread has_openblas
      ;;
    format) needs clang-format has clang-format ;;
  esac
}

setup_system() { # setup_system PART...
  system_needs "$@"
  [ ${#SYSTEM_MISSING[@]} -gt 0 ] || return 0
  local packages; packages=$(printf '%s\n' "${SYSTEM_MISSING[@]}" | sort -u | tr '\n' ' ')
  local install="apt-get install --no-install-recommends ${packages% }"
  has apt-get || fail "this machine lacks something; in Debian's names: $packages" "Install it by your system's means and run make again."

  local root=()
  if [ "$(id -u)" != 0 ]; then
    has sudo || fail "these Debian packages are missing: $packages" "You are not root and there is no sudo. Ask an administrator to run" "  $install"
    root=(sudo)
    [ -t 0 ] || root=(sudo -n)
  fi
  local log=$CACHE/apt.log
  say "installing Debian packages: $packages(log: $log)"
  if ! { "${root[@]}" apt-get -q update &&
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive ${install/install/install -q -y}; } > "$log" 2>&1; then
    grep -E '^(E|Err):' "$log" | tail -n 8 >&2 || tail -n 8 "$log" >&2
    fail "could not install: $packages" "A network, and root or sudo without a question, are needed. When they are there, run as root" "  $install"
  fi

  system_needs "$@"
  [ ${#SYSTEM_MISSING[@]} -eq 0 ] || fail "installed, but still not as needed: $(printf '%s\n' "${SYSTEM_MISSING[@]}" | sort -u | tr '\n' ' ')" \
    "A program of another version may come first on your PATH. Wanted: cmake >= 3.25, npm, a working cc, gcc and clang."
}
