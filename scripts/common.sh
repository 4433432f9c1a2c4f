# common.sh: what the set-up scripts share. Sourced, never run. Sets ROOT (the checkout) and CACHE (one folder for all
# checkouts of this user), and defines say, fail, has, at_least, lock_cache and unlock_cache.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${XDG_CACHE_HOME:-${HOME:?set HOME or XDG_CACHE_HOME: set-up keeps its tools there}/.cache}/siren-rope

say() { echo "setup: $*" >&2; }
fail() { # the first line says what is wrong, the others what to do
  say "$1"
  shift
  [ $# -eq 0 ] || printf '       %s\n' "$@" >&2
  exit 1
}
has() { command -v "$1" >/dev/null 2>&1; }
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; } # at_least HAVE WANT

# One set-up at a time changes the cache. The lock is the open file 9, so it ends with the process, however that ends.
lock_cache() {
  mkdir -p "$CACHE" || fail "cannot write $CACHE" "Set XDG_CACHE_HOME to a folder that can hold about 3 GB."
  exec 9> "$CACHE/lock"
  if has flock && ! flock -n 9; then
    say "another set-up is at work on $CACHE; waiting for it"
    flock 9
  fi
}
unlock_cache() { exec 9>&-; }
