#include "vm/diagnostics_table.h"

#include <fmt/format.h>

#include <algorithm>

namespace bitloom::vm::diagnostic_table {
namespace {

constexpr DiagnosticEntry kEntries[] = {
#define DIAGNOSTIC(code, group, summary, explanation) {code, group, summary, explanation},
#include "vm/diagnostics.def"
#undef DIAGNOSTIC
};

}  // namespace

std::span<const DiagnosticEntry> all() {
  return kEntries;
}

const DiagnosticEntry* lookup(std::string_view code) {
  const auto entries = all();
  const auto found = std::ranges::lower_bound(entries, code, {}, &DiagnosticEntry::code);
  return found != entries.end() && found->code == code ? &*found : nullptr;
}

std::string explain(const DiagnosticEntry& entry) {
  std::string_view body = entry.explanation;
  while (body.starts_with('\n')) body.remove_prefix(1);
  while (body.ends_with('\n')) body.remove_suffix(1);
  return fmt::format("{} ({}): {}\n\n{}\n", entry.code, entry.group, entry.summary, body);
}

}  // namespace bitloom::vm::diagnostic_table
