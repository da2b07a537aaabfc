#include "vm/interpreter/faults.h"

#include <algorithm>

namespace bitloom::vm::interpreter {

void Faults::add(std::int64_t block, std::uint32_t step, std::uint32_t other,
                 Diagnostic diagnostic) {
  const std::lock_guard lock(mutex_);
  any_.store(true, std::memory_order_relaxed);
  const auto key = std::tuple(step, other, diagnostic.code);
  const auto found = entries_.find(key);
  if (found != entries_.end()) {
    if (block < found->second.block) found->second = {block, std::move(diagnostic)};
    return;
  }
  if (static_cast<std::int64_t>(entries_.size()) >= limit_) return;
  entries_.emplace(key, Entry{block, std::move(diagnostic)});
  if (static_cast<std::int64_t>(entries_.size()) >= limit_)
    full_.store(true, std::memory_order_relaxed);
}

void Faults::deliver(Diagnostics& diagnostics) {
  const std::lock_guard lock(mutex_);
  std::vector<Entry> sorted;
  for (auto& [key, entry] : entries_) sorted.push_back(std::move(entry));
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Entry& a, const Entry& b) { return a.block < b.block; });
  for (Entry& entry : sorted) {
    Diagnostic& added = entry.diagnostic.severity == Severity::Error
                            ? diagnostics.error(entry.diagnostic.code, entry.diagnostic.span)
                            : diagnostics.warning(entry.diagnostic.code, entry.diagnostic.span);
    added = std::move(entry.diagnostic);
  }
  entries_.clear();
}

}  // namespace bitloom::vm::interpreter
