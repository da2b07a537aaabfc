// Keys and values of the tokens of one sequence, in pages.
//
// Position p of a layer lies in page table[p / kPageSize], slot p % kPageSize. Pages come from a
// pool as the sequence grows and go back when it is cleared, so what a sequence holds is a list of
// pages and nothing has to be moved.
#pragma once

#include <cstdint>
#include <vector>

#include "stack/engine/executor.h"
#include "stack/model/config.h"

namespace bitloom::stack {

inline constexpr std::int64_t kPageSize = 64;

class KvCache {
 public:
  // Room for `capacity` positions. Pages are handed out in the order 0, 1, … or, with `reversed`,
  // backwards (for tests: results must not depend on it).
  static runtime::Result<KvCache> create(Executor& executor, const ModelConfig& config,
                                         vm::ElementType element, std::int64_t capacity,
                                         bool reversed = false);

  std::int64_t length() const { return length_; }
  std::int64_t capacity() const { return capacity_; }
  // Pages for `tokens` more positions; BL0640 when there is no room.
  runtime::Result<void> reserve(Executor& executor, std::int64_t tokens);
  void append(std::int64_t tokens) { length_ += tokens; }
  void clear();

  const Array& keys(std::int64_t layer) const { return keys_[static_cast<std::size_t>(layer)]; }
  const Array& values(std::int64_t layer) const { return values_[static_cast<std::size_t>(layer)]; }
  const Array& table() const { return table_; }  // i32 [pages of the pool]
  const Array& cosines() const { return cosines_; }
  const Array& sines() const { return sines_; }

 private:
  std::int64_t length_ = 0, capacity_ = 0;
  std::vector<Array> keys_, values_;  // [pages, kv_heads, kPageSize, head_size] a layer
  Array table_, cosines_, sines_;
  std::vector<std::int32_t> pages_, free_;
};

}  // namespace bitloom::stack
