#include "stack/model/attention.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "kernels/attention/tile_lists.h"

namespace bitloom::stack {

using kernels::Sequence;
using kernels::TileLists;
using runtime::HostArray;
using runtime::Result;

namespace {

using Kind = AttentionPattern::Kind;
using Generics = std::map<std::string, std::string>;

constexpr std::int64_t kLastRows = 64;

// As in Linear: few threads in the interpreter, and the tensor core takes 16 rows at least.
struct Tiles {
  std::int64_t rows;
  int threads;
};

Tiles tiles_of(const Executor& executor, const AttentionInput& input) {
  const std::int64_t m = input.rows();
  if (input.q.element != vm::kF32) return {m <= 16 ? 16 : 64, 128};
  if (m == 1) return {1, executor.on_gpu() ? 64 : 32};
  // 64 rows and two walks do not fit the registers of 256 threads
  if (executor.on_gpu()) return {32, 256};
  return {64, 32};
}

Generics generics_of(const AttentionInput& input) {
  return {{"T", to_string(input.q.element)},
          {"D", fmt::to_string(input.q.shape[2])},
          {"P", fmt::to_string(kPageSize)}};
}

Result<Array> upload(Executor& executor, const std::vector<std::int32_t>& numbers,
                     runtime::Shape shape) {
  auto host = HostArray::zeros(vm::kI32, std::move(shape));
  if (!host) return tl::make_unexpected(host.error());
  std::ranges::copy(numbers, host->as<std::int32_t>().begin());
  return executor.upload(*host);
}

// Lists on the engine, as paged_attention.bl takes them.
struct ListArrays {
  Array first, list, reach;
  std::optional<Array> single_first, single;
};

Result<ListArrays> upload(Executor& executor, const TileLists& lists,
                          std::span<const AttentionPattern> heads) {
  std::vector<std::int32_t> reach;
  for (const AttentionPattern& head : heads) {
    const bool near = head.kind == Kind::AShape;
    reach.push_back(near ? static_cast<std::int32_t>(head.second) : 0);
    reach.push_back(near ? static_cast<std::int32_t>(head.first) : 0);
  }
  const auto take = [&](const std::vector<std::int32_t>& from, runtime::Shape shape) {
    return upload(executor, from, std::move(shape));
  };
  const auto size = [](const std::vector<std::int32_t>& x) {
    return static_cast<std::int64_t>(x.size());
  };
  auto first = take(lists.first(), {size(lists.first())}),
       list = take(lists.list(), {std::max<std::int64_t>(1, size(lists.list()))}),
       reaches = take(reach, {static_cast<std::int64_t>(heads.size()), 2});
  for (const auto* array : {&first, &list, &reaches})
    if (!*array) return tl::make_unexpected(array->error());
  ListArrays arrays{std::move(*first), std::move(*list), std::move(*reaches), {}, {}};
  if (lists.singles().empty()) return arrays;
  auto single_first = take(lists.single_first(), {size(lists.single_first())}),
       single = take(lists.singles(), {size(lists.singles())});
  for (const auto* array : {&single_first, &single})
    if (!*array) return tl::make_unexpected(array->error());
  arrays.single_first = std::move(*single_first);
  arrays.single = std::move(*single);
  return arrays;
}

Result<void> launch(Executor& executor, const AttentionInput& input, const Array& out,
                    const ListArrays* lists, const Array* lse) {
  const Tiles tiles = tiles_of(executor, input);
  Operator op{"llama/paged_attention.bl", "paged_attention", generics_of(input)};
  op.generics["BM"] = fmt::to_string(tiles.rows);
  op.generics["N"] = fmt::to_string(tiles.threads);
  std::vector<Operand> operands = {input.q,      input.k,       input.v,      input.table,
                                   input.start,  input.scale(), std::nullopt, std::nullopt,
                                   std::nullopt, std::nullopt,  std::nullopt, std::nullopt,
                                   std::nullopt, out,           std::nullopt};
  if (lists) {
    op.present = {"first", "list", "reach"};
    operands[6] = lists->first;
    operands[7] = lists->list;
    operands[8] = lists->reach;
    if (lists->single) {
      op.present.insert({"single_first", "single", "k_rows", "v_rows"});
      const runtime::Shape& pool = input.k.shape;
      const runtime::Shape rows = {pool[0] * pool[1] * pool[2], pool[3]};
      operands[9] = *lists->single_first;
      operands[10] = *lists->single;
      operands[11] = input.k.with_shape(rows);
      operands[12] = input.v.with_shape(rows);
    }
  }
  if (lse) {
    op.present.insert("lse");
    operands[14] = *lse;
  }
  return executor.launch(op, operands);
}

template <class T>
Result<std::vector<T>> numbers_of(Executor& executor, const Array& array) {
  const auto host = executor.read(array);
  if (!host) return tl::make_unexpected(host.error());
  const auto numbers = host->template as<T>();
  return std::vector<T>(numbers.begin(), numbers.end());
}

// Adds what one head's pattern keeps to the current item.
void add(TileLists& lists, const Sequence& sequence, std::int64_t head, std::int64_t block,
         std::int64_t row_block, const AttentionPattern& pattern,
         const std::vector<kernels::VerticalSlash>& chosen, const BlockScores& scores) {
  // What 64 rows see together is the same however many of them an engine takes at a time.
  const std::int64_t first = block * row_block / kAttentionBlock * kAttentionBlock,
                     end = std::min(first + kAttentionBlock, sequence.rows);
  switch (pattern.kind) {
    case Kind::Dense:
      lists.causal({0, sequence.columns});
      break;
    case Kind::AShape:
      lists.window(pattern.second, pattern.first);
      break;
    case Kind::VerticalSlash:
      kernels::add_vertical_slash(lists, sequence, first, end,
                                  chosen[static_cast<std::size_t>(head)]);
      break;
    case Kind::BlockSparse: {
      const std::int64_t row = first / kAttentionBlock;
      const std::span<const float> all(scores.score);
      kernels::add_block_sparse(
          lists, sequence,
          all.subspan(static_cast<std::size_t>((head * scores.row_blocks + row) * scores.blocks),
                      static_cast<std::size_t>(scores.blocks)),
          kAttentionBlock, pattern.first);
      break;
    }
  }
}

std::vector<float> masses_of(const std::vector<std::uint32_t>& all, std::int64_t head,
                             std::int64_t columns) {
  std::vector<float> numbers;
  for (std::int64_t i = 0; i < columns; ++i)
    numbers.push_back(static_cast<float>(all[static_cast<std::size_t>(head * columns + i)]) *
                      0x1p-24F);
  return numbers;
}

}  // namespace

double AttentionInput::scale() const {
  return 1.0 / std::sqrt(static_cast<double>(q.shape[2]));
}

Result<void> attend(Executor& executor, const AttentionInput& input, const Array& out) {
  return launch(executor, input, out, nullptr, nullptr);
}

Result<double> attend(Executor& executor, const AttentionInput& input,
                      std::span<const AttentionPattern> heads, const Array& out) {
  const auto uses = [&](Kind kind) {
    return std::ranges::any_of(heads, [&](const auto& head) { return head.kind == kind; });
  };
  std::vector<kernels::VerticalSlash> chosen(heads.size());
  if (uses(Kind::VerticalSlash)) {
    const auto masses = prompt_masses(executor, input, out, false);
    if (!masses) return tl::make_unexpected(masses.error());
    for (std::size_t h = 0; h < heads.size(); ++h) {
      if (heads[h].kind != Kind::VerticalSlash) continue;
      const auto head = static_cast<std::int64_t>(h);
      auto pattern = kernels::choose_vertical_slash(
          masses_of(masses->vertical, head, masses->columns),
          masses_of(masses->slash, head, masses->columns), heads[h].vertical_slash());
      if (!pattern) return tl::make_unexpected(pattern.error());
      chosen[h] = std::move(*pattern);
    }
  }
  BlockScores scores;
  if (uses(Kind::BlockSparse)) {
    auto made = block_scores(executor, input);
    if (!made) return tl::make_unexpected(made.error());
    scores = std::move(*made);
  }
  const std::int64_t row_block = tiles_of(executor, input).rows;
  TileLists lists({.row_block = row_block, .column_block = kPageSize, .aligned = true});
  const Sequence sequence{.rows = input.rows(), .columns = input.columns()};
  for (std::size_t h = 0; h < heads.size(); ++h) {
    for (std::int64_t block = 0; block < lists.blocks(sequence); ++block) {
      const auto head = static_cast<std::int64_t>(h);
      lists.begin(head, sequence, block);
      add(lists, sequence, head, block, row_block, heads[h], chosen, scores);
      lists.end();
    }
  }
  const auto arrays = upload(executor, lists, heads);
  if (!arrays) return tl::make_unexpected(arrays.error());
  if (auto done = launch(executor, input, out, &*arrays, nullptr); !done)
    return tl::make_unexpected(done.error());
  return lists.density();
}

Result<PromptMasses> prompt_masses(Executor& executor, const AttentionInput& input,
                                   const Array& scratch, bool shares) {
  PromptMasses masses{.rows = std::min(input.rows(), kLastRows), .columns = input.columns()};
  const std::int64_t heads = input.heads(), before = input.rows() - masses.rows;
  AttentionInput last = input;
  last.q = input.q.rows(before, masses.rows);
  last.start = input.start + before;
  auto lse = executor.allocate(vm::kF32, {heads, masses.rows}),
       vertical = executor.allocate(vm::kU32, {heads, masses.columns}),
       slash = executor.allocate(vm::kU32, {heads, masses.columns});
  for (const auto* array : {&lse, &vertical, &slash})
    if (!*array) return tl::make_unexpected(array->error());
  if (auto done = launch(executor, last, scratch.rows(before, masses.rows), nullptr, &*lse); !done)
    return tl::make_unexpected(done.error());
  Operator op{"llama/prompt_masses.bl", "prompt_masses", generics_of(input)};
  op.generics["N"] = !executor.on_gpu() ? "32" : input.q.element == vm::kF32 ? "256" : "128";
  // f32 products of 128 numbers in longer steps spill
  if (input.q.element == vm::kF32 && input.q.shape[2] > 64) op.generics.emplace("C", "4");
  Operand share = std::nullopt;
  if (shares) {
    auto array = executor.allocate(vm::kF32, {heads, masses.rows, masses.columns});
    if (!array) return tl::make_unexpected(array.error());
    share = std::move(*array);
    op.present = {"share"};
  }
  const std::vector<Operand> operands = {last.q, last.k,    last.table, last.start, last.scale(),
                                         *lse,   *vertical, *slash,     share};
  if (auto done = executor.launch(op, operands); !done) return tl::make_unexpected(done.error());
  auto columns = numbers_of<std::uint32_t>(executor, *vertical),
       diagonals = numbers_of<std::uint32_t>(executor, *slash);
  for (const auto* numbers : {&columns, &diagonals})
    if (!*numbers) return tl::make_unexpected(numbers->error());
  masses.vertical = std::move(*columns);
  masses.slash = std::move(*diagonals);
  if (!shares) return masses;
  auto single = numbers_of<float>(executor, std::get<Array>(share));
  if (!single) return tl::make_unexpected(single.error());
  masses.share = std::move(*single);
  return masses;
}

Result<BlockScores> block_scores(Executor& executor, const AttentionInput& input) {
  const std::int64_t heads = input.heads(), kv_heads = input.k.shape[1], size = input.q.shape[2];
  BlockScores scores{(input.rows() + kAttentionBlock - 1) / kAttentionBlock,
                     (input.columns() + kAttentionBlock - 1) / kAttentionBlock,
                     {}};
  static_assert(kAttentionBlock == kPageSize, "pages are pooled");
  auto q = executor.allocate(vm::kF32, {heads, scores.row_blocks, size}),
       k = executor.allocate(vm::kF32, {kv_heads, scores.blocks, size}),
       score = executor.allocate(vm::kF32, {heads, scores.row_blocks, scores.blocks});
  for (const auto* array : {&q, &k, &score})
    if (!*array) return tl::make_unexpected(array->error());
  const std::string file = "llama/prompt_masses.bl";
  const Generics generics = generics_of(input);
  const Generics of_rows = {{"T", generics.at("T")}, {"D", generics.at("D")}},
                 of_scores = {{"D", generics.at("D")}};
  auto done = executor.launch({file, "mean_of_rows", of_rows}, {input.q, *q});
  if (done)
    done = executor.launch({file, "mean_of_pages", generics},
                           {input.k, input.table, input.columns(), *k});
  if (done) done = executor.launch({file, "mean_scores", of_scores}, {*q, *k, *score});
  if (!done) return tl::make_unexpected(done.error());
  auto numbers = numbers_of<float>(executor, *score);
  if (!numbers) return tl::make_unexpected(numbers.error());
  scores.score = std::move(*numbers);
  return scores;
}

}  // namespace bitloom::stack
