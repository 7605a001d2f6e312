# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# What the lab's scripts share: where things are cached, messages, locks, and a private apt that fetches
# arm64 packages of any Debian suite without root and without touching the machine's own apt.
# Sourced, never run. A script sets `lab_name` first, the word its messages start with.

: "${lab_name:=lab}"
lab_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck disable=SC2034	# used by the scripts that source this file
top=$(cd "$lab_dir/../.." && pwd)
# What tests/bench/run measures with, on the host: an argument list of tests/lab/tools.
# shellcheck disable=SC2034
bench_packages=(qemu-system-arm passt)
cache=${LKVM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lkvm}

say() { echo "$lab_name: $*" >&2; }
die() { say "$*"; exit 1; }

# Everything fetched goes through one lock, so that two clones can start at once: the second finds the
# first one's work done. The lock is file descriptor 9 and ends with the process.
cache_lock()
{
	mkdir -p "$cache" || die "cannot make the cache folder $cache"
	exec 9>"$cache/lock" || die "cannot write in $cache"
	if ! flock -n 9; then
		say "waiting for another clone that is filling $cache"
		flock 9
	fi
}

# A new empty folder inside the cache, to be renamed into place when it is complete. What a killed process
# left behind is swept here: only the owner of the lock makes these.
cache_tmp()
{
	rm -rf "$cache"/new.*
	mktemp -d "$cache/new.XXXXXX"
}

# cache_publish NEW PLACE: puts the folder NEW at PLACE in one step, whatever stood there before.
cache_publish()
{
	local old

	mkdir -p "$(dirname "$2")"
	chmod 755 "$1"
	if [ -e "$2" ]; then
		old=$(mktemp -d "$cache/new.XXXXXX")
		mv "$2" "$old/"
		mv "$1" "$2"
		rm -rf "$old"
	else
		mv "$1" "$2"
	fi
}

# The Debian archives that this machine's own apt sources name, one a line: URI SUITE KEYRING ("-": none
# named). Other vendors' repositories may use Debian's suite names too, so an entry counts if it is signed by
# Debian's keyring, or names no keyring and its URI ends as Debian's do.
debian_sources()
{
	local etc=${LKVM_APT_ETC:-/etc/apt} f files=()

	for f in "$etc"/sources.list.d/*.sources "$etc/sources.list" "$etc"/sources.list.d/*.list; do
		[ -r "$f" ] && files+=("$f")
	done
	[ ${#files[@]} -eq 0 ] && return
	awk '
	function out(uri, suite, key)
	{
		sub(/\/+$/, "", uri)
		if (key ~ /debian-archive/ ||
		    (key == "-" && uri ~ /\/debian(-security)?(-debug)?(\/updates)?$/))
			print uri, suite, key
	}
	function stanza(   u, s, nu, ns, i, j, key, uris, suites)
	{
		key = field["signed-by"] ~ /^ *\// ? field["signed-by"] : "-"
		sub(/^ +/, "", key)
		sub(/ .*/, "", key)
		nu = split(field["uris"], uris, " ")
		ns = split(field["suites"], suites, " ")
		if (field["types"] ~ /(^| )deb( |$)/ && field["components"] ~ /(^| )main( |$)/ &&
		    tolower(field["enabled"]) !~ /no|false/)
			for (i = 1; i <= nu; i++)
				for (j = 1; j <= ns; j++)
					out(uris[i], suites[j], key)
		split("", field)
		name = ""
	}
	FNR == 1 { stanza(); deb822 = FILENAME ~ /\.sources$/ }
	/^[ \t]*#/ { next }
	deb822 && /^[ \t]*$/ { stanza(); next }
	deb822 && /^[ \t]/ { field[name] = field[name] " " $0; next }
	deb822 {
		name = tolower($0)
		sub(/[ \t]*:.*/, "", name)
		sub(/^[^:]*:[ \t]*/, "")
		field[name] = $0
		next
	}
	$1 == "deb" {
		key = "-"
		if (match($0, /\[[^]]*\]/)) {
			options = substr($0, RSTART + 1, RLENGTH - 2)
			$0 = substr($0, 1, RSTART - 1) " " substr($0, RSTART + RLENGTH)
			if (match(options, /signed-by=[^ ]*/))
				key = substr(options, RSTART + 10, RLENGTH - 10)
		}
		for (i = 4; i <= NF; i++)
			if ($i == "main")
				out($2, $3, key)
	}
	END { stanza() }' "${files[@]}"
}

# private_apt SUITE...: makes the private apt of these suites (arm64 only) under the cache and prints the
# name of its configuration file. Suites that end in -security come from the security archive.
private_apt()
{
	local home=$cache/apt/$1 suite uri key archive security line
	local keyring=/usr/share/keyrings/debian-archive-keyring.gpg

	line=$(debian_sources | awk '$2 !~ /-security|\/updates$/ { print; exit }')
	[ -n "$line" ] || die "this machine's apt sources name no Debian archive"
	read -r archive _ key <<<"$line"
	security=$(debian_sources | awk '$2 ~ /-security|\/updates$/ { print $1; exit }')
	[ "$key" = - ] || keyring=$key

	mkdir -p "$home/sources" "$home/state/lists/partial" "$home/archives/partial" || return
	: >"$home/state/status"
	for suite; do
		uri=$archive
		case $suite in *-security) uri=${security:-$archive-security} ;; esac
		printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\n' "$uri" "$suite"
		[ -e "$keyring" ] && echo "Signed-By: $keyring"
		echo
	done >"$home/sources/lab.sources"
	# The machine's own settings (proxies, say) stay in force, its hooks and its state do not. A closed
	# suite is no longer signed anew, so its date says nothing.
	cat >"$home/apt.conf" <<-END
	#clear APT::Update::Post-Invoke;
	#clear APT::Update::Post-Invoke-Success;
	#clear DPkg::Post-Invoke;
	#clear DPkg::Pre-Install-Pkgs;
	#clear APT::Architectures;
	APT::Architecture "arm64";
	APT::Architectures { "arm64"; };
	APT::Sandbox::User "$(id -un)";
	APT::Install-Recommends "false";
	Acquire::Check-Valid-Until "false";
	Acquire::Languages "none";
	Acquire::Retries "3";
	Dir::State "$home/state";
	Dir::State::status "$home/state/status";
	Dir::Cache "$home";
	Dir::Cache::archives "$home/archives";
	Dir::Cache::pkgcache "";
	Dir::Cache::srcpkgcache "";
	Dir::Etc::sourcelist "/dev/null";
	Dir::Etc::sourceparts "$home/sources";
	Dir::Etc::preferences "/dev/null";
	Dir::Etc::preferencesparts "/dev/null";
	END
	echo "$home/apt.conf"
}

# apt_refresh CONF [now]: brings a private apt's package lists up to date, at most once a day unless "now".
# A suite that cannot be had is not an error here: whoever needs a package of it will miss it by name.
apt_refresh()
{
	local home
	home=$(dirname "$1")

	[ -z "${2-}" ] && [ -n "$(find "$home/updated" -mmin -1440 2>/dev/null)" ] && return
	apt-get -q -c "$1" update >"$home/update.log" 2>&1
	touch "$home/updated"
}

# apt_fetch CONF FOLDER PACKAGE[=VERSION]...: downloads the packages' .deb files into FOLDER. When they cannot be
# had, the reason is in $apt_reason, on one line.
apt_fetch()
{
	local conf=$1 folder=$2
	shift 2

	(cd "$folder" && apt-get -q -c "$conf" download "$@") >"$folder/apt.log" 2>&1 && {
		rm -f "$folder/apt.log"
		return
	}
	# shellcheck disable=SC2034	# read by the callers
	apt_reason=$(sed -n 's,[a-z+]*://[^ ]*/,,; s, *\[IP: .*,,; s,^E: ,,p' "$folder/apt.log" | head -1)
	return 1
}

# fetch_packages FOLDER PACKAGE...: the same for packages of Debian 12, with one more try on fresh lists.
fetch_packages()
{
	local folder=$1 conf
	shift

	conf=$(private_apt bookworm bookworm-updates bookworm-security) || return
	apt_refresh "$conf"
	apt_fetch "$conf" "$folder" "$@" && return
	apt_refresh "$conf" now
	apt_fetch "$conf" "$folder" "$@"
}

# stage_module KERNEL FOLDER NAME: copies a module of a cached kernel and those it needs into FOLDER,
# uncompressed and numbered in the order of loading. Fails if the kernel has no such module; what is
# built in needs no file.
stage_module()
{
	local what file name nr

	while read -r what file _; do
		[ "$what" != missing ] || return 1
		[ "$what" = insmod ] || continue
		name=$(basename "$file")
		name=${name%%.ko*}.ko
		compgen -G "$2/*-$name" >/dev/null && continue
		nr=$(find "$2" -name '*.ko' | wc -l)
		name=$2/$(printf %02d "$nr")-$name
		case $file in
		*.xz) xz -dc "$file" >"$name" ;;
		*.zst) zstd -qdc "$file" >"$name" ;;
		*.gz) gzip -dc "$file" >"$name" ;;
		*) cp "$file" "$name" ;;
		esac || return
	done < <(modprobe -d "$1" -S "$(cat "$1/release")" --show-depends "$3" 2>/dev/null || echo missing)
}

# On an Arm machine whose /dev/kvm this user may use, nothing has to be emulated.
have_arm_kvm()
{
	[ "$(uname -m)" = aarch64 ] && [ -r /dev/kvm ] && [ -w /dev/kvm ]
}
