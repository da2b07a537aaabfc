#!/usr/bin/env bash
# check.sh BITLOOM ROOT: the variants of scripts/gpu-sanitize are still made of the kernels as they are: every line of a sed script
# changes its kernel, and what comes out is a kernel. Needs no GPU.
set -euo pipefail
bitloom=$1 root=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0
for script in "$root"/tests/gpu/racecheck/*.sed; do
  name=$(basename "$script" .sed)
  kernel=$(echo "$root"/kernels/*/"$name.bl")
  while IFS= read -r line; do
    if sed -e "$line" "$kernel" | cmp -s - "$kernel"; then
      echo "$script: '$line' changes nothing in $kernel" >&2
      failed=1
    fi
  done < "$script"
  sed -f "$script" "$kernel" > "$folder/$name.bl"
  "$bitloom" check "$folder/$name.bl" || failed=1
  grep -q "^$name.cu " "$root/tests/gpu/racecheck/expected.txt" || { echo "$name is not in expected.txt" >&2; failed=1; }
done
exit $failed
