# What the scripts in this folder and below have in common; sourced by them, with `real`, this folder.
#
# Installs into ${XDG_CACHE_HOME:-~/.cache}/gauntlet-real: a folder for each of the names below, made anew when what is pinned
# changes.
#
#   GAUNTLET  the command (default: the debug build of this checkout)

cache=${XDG_CACHE_HOME:-$HOME/.cache}/gauntlet-real
gauntlet=${GAUNTLET:-$real/../../../target/debug/gauntlet}
[ -x "$gauntlet" ] || { echo "no $gauntlet; run: cargo build -p gauntlet-cli" >&2; exit 2; }
mkdir -p "$cache/reports"

# Packages of NPM, their commands first on the PATH: NAME, package.json.
npm_packages() {
    if ! cmp -s "$2" "$cache/$1/installed.json"; then
        mkdir -p "$cache/$1"
        cp "$2" "$cache/$1/package.json"
        (cd "$cache/$1" && npm install --no-audit --no-fund --ignore-scripts) || exit 2
        cp "$2" "$cache/$1/installed.json"
    fi
    export PATH="$cache/$1/node_modules/.bin:$PATH"
}

# A virtual environment of Python, its commands first on the PATH: NAME, requirements.txt.
python_packages() {
    if ! cmp -s "$2" "$cache/$1/installed.txt"; then
        python3 -m venv "$cache/$1" || exit 2
        "$cache/$1/bin/pip" install --quiet -r "$2" || exit 2
        cp "$2" "$cache/$1/installed.txt"
    fi
    export PATH="$cache/$1/bin:$PATH"
}

# A program from crates.io, first on the PATH: NAME, VERSION.
crate() {
    [ -x "$cache/$1-$2/bin/$1" ] || cargo install --quiet --locked --root "$cache/$1-$2" --version "$2" "$1" || exit 2
    export PATH="$cache/$1-$2/bin:$PATH"
}

# Node 22 first on the PATH, unless the version there will do: an expression of JavaScript on `major` and `minor`.
node_22_unless() {
    node -e "const [major, minor] = process.versions.node.split('.').map(Number)
        process.exit($1 ? 0 : 1)" && return
    # A script of this package fetches the program, which is a package too.
    [ -x "$cache/node-22/node_modules/.bin/node" ] ||
        (mkdir -p "$cache/node-22" && cd "$cache/node-22" &&
            echo '{ "private": true, "allowScripts": { "node": true } }' > package.json &&
            npm install --no-audit --no-fund node@22.23.3) || exit 2
    export PATH="$cache/node-22/node_modules/.bin:$PATH"
}

# Runs scenarios, and leaves NAME.json and NAME.txt with the reports: NAME, what `gauntlet run` is told.
record() {
    name=$1
    shift
    rm -f "$cache/reports/$name.json"
    # 1 is what a target that departs from the requirements gives; whoever reads the report judges.
    code=0
    "$gauntlet" run "$@" --quiet --report "json=$cache/reports/$name.json" > "$cache/reports/$name.txt" 2>&1 || code=$?
    [ "$code" -le 1 ] || { echo "$name: gauntlet gave exit code $code; see $cache/reports/$name.txt" >&2; exit 2; }
}
