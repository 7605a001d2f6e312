# SPDX-License-Identifier: BSD-2-Clause
#
# Picks from tables the answers that one machine is expected to give. A row is
#
#	CALL = ANSWER [if CONDITION...] [| ANSWER [if CONDITION...]]...
#
# and its first answer whose conditions all hold is printed, "CALL = ANSWER"; nothing, if none holds or
# that answer is "-". A condition is about one of the variables given with -v: it compares a version, as in
# "psci>=1.0" or "kvm<6.1"; asks for one of several words, "cpu=max,neoverse-n1", or for another one,
# "off!=trng"; a lone name holds if the variable is not empty. In an answer {psci} and {cpus} stand for those
# variables, and "any" is an answer that is not looked at. # begins a comment.
#
# With -v expected=FILE, which is such output, it goes through a guest's output instead: lines that
# are no answers are dropped, and answers that are not to be looked at become "any".

function order(version,	part)
{
	split(version, part, ".")
	return part[1] * 1000 + part[2]
}

function value(name)
{
	if (name == "psci")
		return psci
	if (name == "kvm")
		return kvm
	if (name == "cpu")
		return cpu
	if (name == "off")
		return off
	if (name == "on")
		return on
	print "select.awk: unknown name " name >"/dev/stderr"
	exit 2
}

function holds(condition,	name, have, i, n, words)
{
	match(condition, /^[a-z]+/)
	name = substr(condition, 1, RLENGTH)
	condition = substr(condition, RLENGTH + 1)
	have = value(name)
	if (condition ~ /^!=/)
		return have != substr(condition, 3)
	if (have == "")
		return 0
	if (condition == "")
		return 1
	if (condition ~ /^>=/)
		return order(have) >= order(substr(condition, 3))
	if (condition ~ /^</)
		return order(have) < order(substr(condition, 2))
	n = split(substr(condition, 2), words, ",")
	for (i = 1; i <= n; i++)
		if (words[i] == have)
			return 1
	return 0
}

function all_hold(conditions,	i, n, list)
{
	n = split(conditions, list, " ")
	for (i = 1; i <= n; i++)
		if (!holds(list[i]))
			return 0
	return 1
}

BEGIN {
	while (expected && (getline line <expected) > 0)
		if (line ~ / = any$/)
			skip[substr(line, 1, length(line) - 6)] = 1
}

{ sub(/\r$/, "") }

expected {
	if ((at = index($0, " = ")) && $0 !~ /^digest:/)
		print (substr($0, 1, at - 1) in skip) ? substr($0, 1, at) "= any" : $0
	next
}

{ sub(/[ \t]*#.*/, "") }

at = index($0, " = ") {
	n = split(substr($0, at + 3), answers, / [|] /)
	for (i = 1; i <= n; i++) {
		conditions = ""
		if (where = index(answers[i], " if ")) {
			conditions = substr(answers[i], where + 4)
			answers[i] = substr(answers[i], 1, where - 1)
		}
		if (all_hold(conditions)) {
			if (answers[i] == "-")
				next
			gsub(/[{]psci[}]/, psci, answers[i])
			gsub(/[{]cpus[}]/, cpus, answers[i])
			print substr($0, 1, at) "= " answers[i]
			next
		}
	}
}
