#include "stack/model/kv_cache.h"

#include <fmt/format.h>

#include <algorithm>

namespace bitloom::stack {

using runtime::failure;
using runtime::HostArray;
using runtime::Result;

namespace {

Result<Array> upload_table(Executor& executor, const std::vector<float>& numbers,
                           std::int64_t rows) {
  const std::int64_t columns = static_cast<std::int64_t>(numbers.size()) / rows;
  auto host = HostArray::zeros(vm::kF32, {rows, columns});
  if (!host) return tl::make_unexpected(host.error());
  std::ranges::copy(numbers, host->as<float>().begin());
  return executor.upload(*host);
}

}  // namespace

Result<KvCache> KvCache::create(Executor& executor, const ModelConfig& config,
                                vm::ElementType element, std::int64_t capacity, bool reversed) {
  KvCache cache;
  cache.capacity_ = std::max<std::int64_t>(1, capacity);
  const std::int64_t pages = (cache.capacity_ + kPageSize - 1) / kPageSize;
  for (std::int64_t layer = 0; layer < config.layers; ++layer) {
    for (auto* list : {&cache.keys_, &cache.values_}) {
      auto pool = executor.allocate(element, {pages, config.kv_heads, kPageSize, config.head_size});
      if (!pool) return tl::make_unexpected(pool.error());
      list->push_back(std::move(*pool));
    }
  }
  auto table = executor.allocate(vm::kI32, {pages});
  if (!table) return tl::make_unexpected(table.error());
  cache.table_ = std::move(*table);
  const RopeTables rope = rope_tables(config, cache.capacity_);
  auto cosines = upload_table(executor, rope.cosines, cache.capacity_);
  auto sines = upload_table(executor, rope.sines, cache.capacity_);
  if (!cosines || !sines) return tl::make_unexpected((cosines ? sines : cosines).error());
  cache.cosines_ = std::move(*cosines);
  cache.sines_ = std::move(*sines);
  // The last one is taken first.
  for (std::int64_t page = 0; page < pages; ++page)
    cache.free_.push_back(static_cast<std::int32_t>(reversed ? page : pages - 1 - page));
  return cache;
}

Result<void> KvCache::reserve(Executor& executor, std::int64_t tokens) {
  const std::int64_t end = length_ + tokens;
  if (end > capacity_)
    return failure("BL0640", fmt::format("{} tokens do not fit a context of {}", end, capacity_),
                   "a shorter prompt, or fewer --tokens");
  const auto needed = static_cast<std::size_t>((end + kPageSize - 1) / kPageSize);
  if (pages_.size() >= needed) return {};
  while (pages_.size() < needed) {
    pages_.push_back(free_.back());
    free_.pop_back();
  }
  auto host = HostArray::zeros(vm::kI32, table_.shape);
  if (!host) return tl::make_unexpected(host.error());
  std::ranges::copy(pages_, host->as<std::int32_t>().begin());
  return executor.write(table_, *host);
}

void KvCache::clear() {
  while (!pages_.empty()) {
    free_.push_back(pages_.back());
    pages_.pop_back();
  }
  length_ = 0;
}

}  // namespace bitloom::stack
