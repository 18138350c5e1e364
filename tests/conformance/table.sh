#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Owns the conformance table: which test shows which row of the RFCs, and how it ended.
#
#   table.sh [BUILD]         runs the tests with row ids (ctest -L conformance) and writes row, class, test, result;
#                            a test is named PROGRAM:TEST, since two programs may have tests of one name
#   table.sh --log FILE      the same from the output of an earlier `ctest -V`
#   table.sh --check         runs nothing: fails when a row that applies has no test, unless missing.txt names it, and
#                            when missing.txt names a row that has one
#   table.sh --missing       the rows that apply and have no test, one a line: missing.txt as it must be
#
# rows.tsv says what each row asks for and whether it applies to a proxying agent. A test carries a row's id in its
# name: test_h4_..., or test_h4_h5_... for two rows.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
here=tests/conformance

# One line per row and test: id, PROGRAM:TEST. A program is named as CTest knows it (tests/CMakeLists.txt).
named_tests() {
    grep -rnoE --include='test_*.c' --include='*.py' \
        '^(static void|def|[[:space:]]+def) test_([a-z][0-9]+b?_)+[a-z0-9_]*' tests | awk -F: '{
            file = $1; name = $3
            sub(/^.* /, "", name)
            program = folder = file
            sub(/^.*\//, "", program)
            sub(/\.(c|py)$/, "", program)
            sub(/^tests\//, "", folder)
            sub(/\/.*$/, "", folder)
            if (folder != "unit") sub(/^(test_)?/, folder "_", program)
            rest = substr(name, 6)
            while (match(rest, /^[a-z][0-9]+b?_/)) {
                id = substr(rest, 1, RLENGTH - 1)
                print toupper(substr(id, 1, 1)) substr(id, 2) "\t" program ":" name
                rest = substr(rest, RLENGTH + 1)
            }
        }'
}

check() {
    named_tests | awk -F'\t' -v missing="$here/missing.txt" '
        BEGIN { while ((getline line < missing) > 0) if (line !~ /^#/ && line != "") named[line] = 1 }
        FILENAME == "-" { tested[$1] = 1; next }
        FNR == 1 { next }
        {
            known[$1] = 1
            if ($5 == "yes" && !($1 in tested) && !($1 in named))
                fault($1 ": no test has its id, and missing.txt does not say so")
            if (($1 in tested) && ($1 in named)) fault($1 ": has a test; take it out of missing.txt")
            if ($5 != "yes" && $5 !~ /^no: ./) fault($1 ": neither yes nor no with a reason")
            if ($5 != "yes" && ($1 in tested)) fault($1 ": does not apply, and has a test")
        }
        function fault(text) { print text; faults = 1 }
        END {
            for (id in named) if (!(id in known)) fault(id ": in missing.txt, but no row of rows.tsv")
            exit faults
        }' - "$here/rows.tsv"
}

missing() {
    named_tests | awk -F'\t' '
        FILENAME == "-" { tested[$1] = 1; next }
        FNR > 1 && $5 == "yes" && !($1 in tested) { print $1 }' - "$here/rows.tsv"
}

write_table() {
    local log=$1
    awk -F'\t' -v log_file="$log" '
        BEGIN {
            while ((getline line < log_file) > 0) {
                if (match(line, /^ *Start +[0-9]+: /)) { # each line of its output begins with the number
                    name_of = substr(line, RSTART + RLENGTH)
                    program[number_of(line)] = name_of
                }
                if (match(line, /\[ +(OK|FAILED|SKIPPED) +\] test_[a-z0-9_]+/)) {
                    split(substr(line, RSTART, RLENGTH), word, /[][ ]+/)
                    test = program[number_of(line)] ":" word[3]
                    if (result[test] != "FAILED") result[test] = word[2]
                }
            }
            print "row\tclass\ttest\tresult"
        }
        FILENAME == "-" { tests[$1] = tests[$1] " " $2; next }
        FNR == 1 { next }
        {
            if ($5 != "yes") { print $1 "\t" $2 "\t-\t" $5; not_applying++; next }
            count = split(tests[$1], name, " ")
            if (count == 0) { print $1 "\t" $2 "\t-\tno test"; untested++ }
            bad = 0
            for (i = 1; i <= count; i++) {
                said = (name[i] in result) ? result[name[i]] : "not run"
                print $1 "\t" $2 "\t" name[i] "\t" said
                bad += said != "OK"
            }
            if (count > 0 && bad == 0) shown++; else if (count > 0) failing++
        }
        END {
            printf "%d rows shown, %d failing or not run, %d without a test, %d do not apply\n", shown, failing,
                untested, not_applying > "/dev/stderr"
            exit failing > 0
        }
        function number_of(line) {
            match(line, /[0-9]+:/)
            return substr(line, RSTART, RLENGTH - 1)
        }' - "$here/rows.tsv" < <(named_tests)
}

case ${1:-} in
--check)
    check
    ;;
--missing)
    missing
    ;;
--log)
    write_table "${2:?table.sh --log FILE}"
    ;;
*)
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    ctest --test-dir "${1:-build/dev}" -L conformance -V >"$log" 2>&1 || true
    write_table "$log"
    ;;
esac
