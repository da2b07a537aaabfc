// The families of kernels on a GPU: LUT-GEMV and LQER beside the 4-bit product and the raw read of
// the same weights, and attention over lists of tiles.
//
//   build/bench/families_bench --result bench/results/families_h200.json [--only
//   lut|lqer|gemm|raw|attention|index]
//
// Products rotate through copies of their weights of 300 MB and more, so that none is found in L2.
// A time is the median over batches of launches between two events; on an idle queue, launches run
// back to back.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <random>

#include "bench/must.h"
#include "kernels/attention/tile_lists.h"
#include "kernels/gemm/tuner.h"
#include "kernels/index/device_index.h"
#include "kernels/lut/lut_plan.h"
#include "runtime/event.h"
#include "runtime/module.h"

namespace {

using namespace bitloom;           // NOLINT
using namespace bitloom::runtime;  // NOLINT
using bench::must;
using bench::root;

using Sizes = std::map<std::string, std::int64_t>;
using Generics = std::map<std::string, std::string>;

struct Row {
  std::string name;
  double us;
  std::string more;  // of JSON
};

class Bench {
 public:
  Bench(const Device& device, std::string only)
      : device_(device), stream_(must(Stream::create(device))), only_(std::move(only)) {}

  bool wants(const std::string& what) const {
    return only_.empty() || what.find(only_) != std::string::npos;
  }
  const Device& device() const { return device_; }
  const Stream& stream() const { return stream_; }
  const std::vector<Row>& rows() const { return rows_; }

  Kernel load(const std::string& file, const std::string& kernel, Generics generics,
              std::set<std::string> present = {}) {
    const Module module =
        must(Module::from_file(root() + "/" + file, {.stdlib = root() + "/stdlib"}));
    Kernel loaded = must(module.specialize(
        kernel, {.generics = std::move(generics), .present = std::move(present)}));
    must(loaded.prepare(device_));
    return loaded;
  }

  // Numbers in [-1, 1), or random bits for whatever is no float of 16 or 32 bits.
  void fill(const Tensor& t) {
    const std::string type = vm::to_string(t.element());
    const auto words = static_cast<std::int64_t>(t.bytes() / 4);
    if (!t.packed() && (type == "f16" || type == "bf16" || type == "f32")) {
      const auto n = static_cast<std::int64_t>(t.bytes()) / (t.element().bits / 8);
      const Tensor flat = must(Tensor::wrap(t.buffer(), t.element(), {n}));
      must(load("bench/kernels/probe.bl", "fill", {{"T", type}}).launch(stream_, flat, ++seed_));
    } else {
      const Tensor flat = must(Tensor::wrap(t.buffer(), vm::kU32, {words}));
      must(load("bench/kernels/probe.bl", "fill_bits", {}).launch(stream_, flat, ++seed_));
    }
  }

  // Median time of a launch in us; `launch(i)` is the i-th.
  template <class Launch>
  double time(const std::string& name, Launch launch, int each = 20, int batches = 9,
              std::string more = {}) {
    const Event begin = must(Event::create(device_)), end = must(Event::create(device_));
    int turn = 0;
    for (int i = 0; i < std::min(each, 3); ++i) launch(turn++);
    must(stream_.synchronize());
    std::vector<double> times;
    for (int b = 0; b < batches; ++b) {
      must(begin.record(stream_));
      for (int i = 0; i < each; ++i) launch(turn++);
      must(end.record(stream_));
      times.push_back(must(end.milliseconds_since(begin)) * 1e3 / each);
    }
    std::sort(times.begin(), times.end());
    const double median = times[times.size() / 2];
    fmt::print("{:<60} {:10.2f} us  {}\n", name, median, more);
    std::fflush(stdout);
    rows_.push_back({name, median, std::move(more)});
    return median;
  }

 private:
  Device device_;
  Stream stream_;
  std::string only_;
  std::vector<Row> rows_;
  int seed_ = 0;
};

// A kernel with an argument for every parameter: tensors of the extents that `sizes` give, zero or
// random, and one of several copies of `rotating` a launch.
class Subject {
 public:
  Subject(Bench& bench, Kernel kernel, const Sizes& sizes, const std::set<std::string>& zero,
          const std::set<std::string>& rotating, const std::map<std::string, Tensor>& given = {},
          const std::map<std::string, double>& scalars = {})
      : bench_(bench), kernel_(std::move(kernel)) {
    const vm::Function& f = *must(kernel_.function(bench.device()));
    for (const vm::Parameter& p : f.parameters) {
      const vm::Value& value = f.values[static_cast<std::size_t>(p.value)];
      std::vector<Tensor> copies;
      LaunchArgument scalar;
      if (!p.present) {
        // nothing
      } else if (given.contains(value.name)) {
        copies.push_back(given.at(value.name));
      } else if (value.type.is_memory()) {
        Shape shape;
        for (const layouts::SizeExpr& extent : value.type.extents)
          shape.push_back(
              *extent.evaluate([&](std::string_view name) -> std::optional<std::int64_t> {
                const auto found = sizes.find(std::string(name));
                return found == sizes.end() ? std::nullopt : std::optional(found->second);
              }));
        double bytes = value.type.element.bits / 8.0;
        for (const std::int64_t extent : shape) bytes *= static_cast<double>(extent);
        const int count =
            rotating.contains(value.name) ? std::max(2, static_cast<int>(3e8 / bytes) + 1) : 1;
        for (int i = 0; i < count; ++i) {
          if (zero.contains(value.name)) {
            copies.push_back(must(Tensor::zeros(bench.stream(), value.type.element, shape)));
            continue;
          }
          copies.push_back(value.type.packed
                               ? must(Tensor::allocate_packed(bench.device(), value.type.element,
                                                              shape, *value.type.packed))
                               : must(Tensor::allocate(bench.device(), value.type.element, shape)));
          bench.fill(copies.back());
        }
      } else {
        const double number = scalars.at(value.name);
        scalar = value.type.element.is_float() ? to_argument(number)
                                               : to_argument(static_cast<std::int64_t>(number));
      }
      tensors_.push_back(std::move(copies));
      scalars_.push_back(scalar);
    }
  }
  const Tensor& tensor(std::size_t parameter) const { return tensors_[parameter][0]; }

  void operator()(int turn) const {
    std::vector<LaunchArgument> arguments;
    for (std::size_t i = 0; i < tensors_.size(); ++i)
      arguments.push_back(
          tensors_[i].empty()
              ? scalars_[i]
              : tensors_[i][static_cast<std::size_t>(turn) % tensors_[i].size()].argument());
    must(kernel_.launch_with(bench_.stream(), arguments));
  }

 private:
  Bench& bench_;
  Kernel kernel_;
  std::vector<std::vector<Tensor>> tensors_;
  std::vector<LaunchArgument> scalars_;
};

std::string shares(double us, double raw_us, double bytes) {
  return fmt::format("\"raw_read_share\": {:.3f}, \"tb_per_s\": {:.2f}", raw_us / us,
                     bytes / us / 1e6);
}

// What a program would launch: the plan that kernels/gemm makes from its tables.
void planned(Bench& bench, std::int64_t m, std::int64_t k, std::int64_t n, double raw_us) {
  for (const bool zero : {true, false}) {
    kernels::GemmProblem problem{.m = m, .n = n, .k = k};
    if (zero) problem.weight = vm::unsigned_type(4), problem.zero = vm::kU8;
    const auto weights =
        must(kernels::cold_copies(problem, std::size_t{300} << 20, bench.stream()));
    const auto plan = must(kernels::GemmPlan::make(problem, bench.device()));
    const Tensor x = must(Tensor::allocate(bench.device(), vm::kF16, {m, k})),
                 y = must(Tensor::allocate(bench.device(), vm::kF16, {m, n}));
    bench.fill(x);
    const double us = bench.time(
        fmt::format("gemm_plan/n={}/k={}/m={}/W={}", n, k, m, vm::to_string(problem.weight)),
        [&](int turn) {
          must(plan.launch(bench.stream(), x,
                           weights[static_cast<std::size_t>(turn) % weights.size()], y));
        },
        20, 9, fmt::format("\"config\": \"{}\"", kernels::to_string(plan.config())));
    fmt::print("    {}\n", shares(us, raw_us, static_cast<double>(k * n) / 2));
  }
}

void products(Bench& bench, std::int64_t k, std::int64_t n) {
  const std::string shape = fmt::format("n={}/k={}", n, k);
  const int sms = bench.device().sms();
  std::map<int, double> raw;  // by bits
  for (const int bits : {1, 2, 3, 4, 8}) {
    const std::int64_t words = k * n * bits / 32;
    Subject read(bench, bench.load("bench/kernels/probe.bl", "raw_read", {}),
                 {{"n", words}, {"device.sms", sms}}, {}, {"x"},
                 {{"left", must(Tensor::zeros(bench.stream(), vm::kU32, {8 * sms}))}});
    raw[bits] = bench.time(fmt::format("raw_read/{}/bits={}", shape, bits), read);
  }
  for (const std::int64_t m : {1, 16}) {
    if (bench.wants("lut")) {
      for (const int bits : {1, 2, 3, 4, 8}) {
        for (const bool sums : {false, true}) {
          if (sums && (bits > 4 || m > 1)) continue;
          const auto plan = must(
              kernels::plan_lut_gemv({.bits = bits, .m = m, .k = k, .n = n, .sums = sums}, sms));
          Subject lut(bench, bench.load("kernels/lut/lut_gemv.bl", plan.kernel, plan.generics),
                      {{"m", m}, {"k", k}, {"n", n}, {"tables", 1}, {"splits", plan.splits}},
                      {"ticket", "part"}, {"code"});
          const auto name = fmt::format("{}/{}/m={}/bits={}", plan.kernel, shape, m, bits);
          const double us = bench.time(name, lut);
          fmt::print("    {}\n", shares(us, raw[bits], static_cast<double>(k * n * bits) / 8));
        }
      }
    }
    if (bench.wants("lqer")) {
      const std::int64_t rows = m <= 8 ? 8 : 16;
      for (const std::string weights : {"u4", "i4"}) {
        for (const std::int64_t rank : {16, 32, 64, 256}) {
          if (weights == "i4" && rank != 32) continue;
          Subject lqer(
              bench,
              bench.load("kernels/lqer/lqer_decode.bl", "lqer_decode",
                         {{"W", weights}, {"R", fmt::to_string(rank)}, {"M", fmt::to_string(rows)}},
                         weights == "u4" ? std::set<std::string>{"zero"} : std::set<std::string>{}),
              {{"m", m},
               {"k", k},
               {"n", n},
               {"parts", std::min<std::int64_t>(64, k / 64)},
               {"slots", 8 * sms}},
              {"low", "t", "ready", "part", "ticket"}, {"w"});
          const double us = bench.time(
              fmt::format("lqer_decode/{}/m={}/W={}/rank={}", shape, m, weights, rank), lqer);
          fmt::print("    {}\n", shares(us, raw[4], static_cast<double>(k * n) / 2));
        }
      }
    }
    if (bench.wants("gemm")) {
      Subject gemm(bench, bench.load("kernels/gemm/gemm.bl", "gemm", {{"W", "u4"}}, {"zero"}),
                   {{"m", m}, {"k", k}, {"n", n}}, {}, {"w"});
      const double us = bench.time(fmt::format("gemm/{}/m={}/W=u4", shape, m), gemm);
      fmt::print("    {}\n", shares(us, raw[4], static_cast<double>(k * n) / 2));
      planned(bench, m, k, n, raw[4]);
    }
  }
}

Tensor upload(const Bench& bench, const std::vector<std::int32_t>& values, Shape shape) {
  HostArray array = must(HostArray::zeros(vm::kI32, std::move(shape)));
  if (!values.empty()) std::memcpy(array.bytes().data(), values.data(), values.size() * 4);
  return must(Tensor::from_host(array, bench.stream()));
}

// Items in the order in which blocks should take them: groups of heads whose K and V stay in L2,
// and in a group the longest first.
std::vector<std::size_t> order_of(const kernels::TileLists& lists, std::int64_t heads_together) {
  std::vector<std::size_t> order(static_cast<std::size_t>(lists.items()));
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  const auto length = [&](std::size_t i) { return lists.first()[i + 1] - lists.first()[i]; };
  const auto group = [&](std::size_t i) { return lists.place()[6 * i] / heads_together; };
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return group(a) != group(b) ? group(a) < group(b) : length(a) > length(b);
  });
  return order;
}

constexpr std::int64_t kHeads = 32, kHeadSize = 128;

struct AttentionTensors {
  Tensor q, k, v, o, lse;
};

double wgmma_attention(Bench& bench, const std::string& name, const AttentionTensors& t,
                       const kernels::TileLists& lists, std::int64_t rows) {
  const std::int64_t together = std::max<std::int64_t>(1, 34'000'000 / (2 * rows * kHeadSize * 2));
  std::vector<std::int32_t> place, first = {0}, list;
  for (const std::size_t i : order_of(lists, together)) {
    const auto at = lists.place().begin() + static_cast<std::ptrdiff_t>(6 * i);
    place.insert(place.end(), at, at + 6);
    list.insert(list.end(), lists.list().begin() + lists.first()[i],
                lists.list().begin() + lists.first()[i + 1]);
    first.push_back(static_cast<std::int32_t>(list.size()));
  }
  const std::int64_t items = lists.items();
  const auto entries = static_cast<std::int64_t>(list.size());
  Subject attention(bench, bench.load("kernels/attention/attention.bl", "attention", {}), {}, {},
                    {},
                    {{"q", t.q},
                     {"k", t.k},
                     {"v", t.v},
                     {"o", t.o},
                     {"lse", t.lse},
                     {"place", upload(bench, place, {items, 6})},
                     {"first", upload(bench, first, {items + 1})},
                     {"list", upload(bench, list, {entries})},
                     {"ticket", must(Tensor::zeros(bench.stream(), vm::kU32, {2}))}},
                    {{"scale", 0.0883883476}, {"window", 0}, {"sink", 0}});
  const double flop = 4.0 * 128 * 128 * kHeadSize * static_cast<double>(entries);
  const int each = std::clamp(static_cast<int>(2e13 / flop), 1, 20);
  const double us =
      bench.time(name, attention, each, 5,
                 fmt::format("\"density\": {:.4f}, \"tiles\": {}", lists.density(), entries));
  fmt::print("    {:.0f} TFLOP/s on executed tiles\n", flop / us / 1e6);
  return us;
}

void attention(Bench& bench, std::int64_t rows) {
  const auto make = [&](Shape shape) {
    Tensor t = must(Tensor::allocate(bench.device(), vm::kF16, std::move(shape)));
    bench.fill(t);
    return t;
  };
  const Shape shape = {kHeads, rows, kHeadSize};
  const AttentionTensors t{make(shape), make(shape), make(shape), make(shape),
                           must(Tensor::zeros(bench.stream(), vm::kF32, {kHeads, rows}))};
  const kernels::Sequence sequence{.rows = rows, .columns = rows};
  const auto build = [&](auto fill) {
    kernels::TileLists lists({.row_block = 128, .column_block = 128});
    for (std::int64_t head = 0; head < kHeads; ++head) {
      for (std::int64_t block = 0; block < lists.blocks(sequence); ++block) {
        lists.begin(head, sequence, block);
        fill(lists, head, block);
        lists.end();
      }
    }
    return lists;
  };
  const double dense =
      wgmma_attention(bench, fmt::format("attention/dense/{}", rows), t,
                      build([&](kernels::TileLists& l, std::int64_t, std::int64_t) {
                        l.causal({0, rows});
                      }),
                      rows);
  std::mt19937_64 random(1);
  const auto sparse = build([&](kernels::TileLists& l, std::int64_t, std::int64_t block) {
    l.causal({block * 128, block * 128 + 128});
    for (std::int64_t tile = 0; tile < block; ++tile)
      if (random() % 10 == 0) l.causal({tile * 128, tile * 128 + 128});
  });
  const double us =
      wgmma_attention(bench, fmt::format("attention/block-sparse/{}", rows), t, sparse, rows);
  fmt::print("    efficiency {:.2f}\n", dense * sparse.density() / us);

  // Vertical-slash 1000/6096: slashes in clusters, diagonals of the last 100 offsets among them;
  // tiles by attention, columns that no tile covers by attention_tiles, and both merged.
  std::vector<std::int64_t> columns, offsets;
  for (std::int64_t i = 0; i < 30; ++i) columns.push_back(i);
  for (std::int64_t i = 0; i < 970; ++i)
    columns.push_back(static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(rows)));
  for (std::int64_t i = 0; i < 100; ++i) offsets.push_back(i);
  while (offsets.size() < 6096) {
    const auto begin = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(rows));
    for (std::int64_t i = begin; i < std::min(begin + 500, rows); ++i) offsets.push_back(i);
  }
  for (auto* some : {&columns, &offsets}) {
    std::sort(some->begin(), some->end());
    some->erase(std::unique(some->begin(), some->end()), some->end());
  }
  const auto slashes = [&](kernels::TileLists& l, std::int64_t block) {
    for (const std::int64_t offset : offsets)
      l.causal({block * 128 - offset, block * 128 + 128 - offset});
  };
  const auto vs = build([&](kernels::TileLists& l, std::int64_t, std::int64_t block) {
    slashes(l, block);
    l.single(columns);
  });
  const double tiles_us =
      wgmma_attention(bench, fmt::format("attention/vertical-slash/tiles/{}", rows), t, vs, rows);

  // the columns alone, in items of 64 rows of the portable kernel
  std::vector<std::int32_t> place, none, single_first = {0}, single;
  for (std::size_t i = 0; i < static_cast<std::size_t>(vs.items()); ++i) {
    for (int half = 0; half < 2; ++half) {
      place.insert(place.end(), vs.place().begin() + static_cast<std::ptrdiff_t>(6 * i),
                   vs.place().begin() + static_cast<std::ptrdiff_t>(6 * i + 6));
      place[place.size() - 5] += 64 * half;
      single.insert(single.end(), vs.singles().begin() + vs.single_first()[i],
                    vs.singles().begin() + vs.single_first()[i + 1]);
      single_first.push_back(static_cast<std::int32_t>(single.size()));
    }
  }
  const std::int64_t items = 2 * vs.items();
  none.assign(static_cast<std::size_t>(items + 1), 0);
  const Tensor parts =
      must(Tensor::allocate(bench.device(), vm::kF16, {2, kHeads * rows, kHeadSize}));
  const Tensor part_lse = must(Tensor::zeros(bench.stream(), vm::kF32, {2, kHeads * rows}));
  Subject singles(bench,
                  bench.load("kernels/attention/attention_tiles.bl", "attention_tiles", {},
                             {"single", "single_first"}),
                  {}, {}, {},
                  {{"q", t.q},
                   {"k", t.k},
                   {"v", t.v},
                   {"o", t.o},
                   {"lse", t.lse},
                   {"place", upload(bench, place, {items, 6})},
                   {"first", upload(bench, none, {items + 1})},
                   {"list", upload(bench, {0}, {1})},
                   {"single_first", upload(bench, single_first, {items + 1})},
                   {"single", upload(bench, single, {static_cast<std::int64_t>(single.size())})}},
                  {{"scale", 0.0883883476}, {"window", 0}, {"sink", 0}});
  const double singles_us = bench.time(fmt::format("attention/vertical-slash/columns/{}", rows),
                                       singles, rows > 40000 ? 2 : 8, 5);
  Subject merge(
      bench, bench.load("kernels/attention/attention_decode.bl", "attention_merge", {{"P", "f16"}}),
      {{"n", kHeads * rows}}, {}, {}, {{"part", parts}, {"part_lse", part_lse}});
  const double merge_us =
      bench.time(fmt::format("attention/vertical-slash/merge/{}", rows), merge, 8, 5);
  fmt::print("    vertical-slash {:.2f} ms, dense {:.2f} ms, {:.1f} times\n",
             (tiles_us + singles_us + merge_us) / 1e3, dense / 1e3,
             dense / (tiles_us + singles_us + merge_us));
}

// The lists of vertical-slash 1000/6096 where the numbers are: what the last rows look at, the
// largest sums, marks and their running counts, tiles and single columns.
void index_time(Bench& bench, std::int64_t rows) {
  const Stream& stream = bench.stream();
  const auto zeros = [&](vm::ElementType element, Shape shape) {
    return must(Tensor::zeros(stream, element, std::move(shape)));
  };
  const auto as = [](const Tensor& tensor, vm::ElementType element, Shape shape) {
    return must(Tensor::wrap(tensor.buffer(), element, std::move(shape)));
  };
  const Shape shape = {kHeads, rows, kHeadSize};
  const Tensor q = zeros(vm::kF16, shape), k = zeros(vm::kF16, shape), v = zeros(vm::kF16, shape),
               o = zeros(vm::kF16, shape), lse = zeros(vm::kF32, {kHeads, rows});
  for (const Tensor* t : {&q, &k, &v}) bench.fill(*t);
  const std::int64_t blocks = (rows + 127) / 128, items = kHeads * blocks;

  kernels::TileLists last({.row_block = 64, .column_block = 64});
  for (std::int64_t head = 0; head < kHeads; ++head) {
    last.begin(head, {.row = rows - 64, .rows = 64, .column = 0, .columns = rows}, 0);
    last.causal({0, rows});
    last.end();
  }
  const Tensor place = upload(bench, last.place(), {kHeads, 6}),
               first = upload(bench, last.first(), {kHeads + 1}),
               list = upload(bench, last.list(), {static_cast<std::int64_t>(last.list().size())});
  const std::string patterns = "kernels/attention/patterns.bl",
                    lists = "kernels/attention/lists.bl";
  const Generics tiles = {{"BM", "128"}, {"BN", "128"}};
  const Kernel attend = bench.load("kernels/attention/attention_tiles.bl", "attention_tiles", {}),
               mass = bench.load(patterns, "last_rows_mass", {}),
               top = bench.load(patterns, "top_k_threshold", {}),
               mark = bench.load(lists, "mark_chosen", {}),
               count = bench.load(patterns, "count_vertical_slash", tiles),
               marked = bench.load(lists, "list_marked", {}),
               make = bench.load(patterns, "list_vertical_slash", tiles, {"chosen"});
  const Tensor vertical = zeros(vm::kU32, {kHeads, rows}), slash = zeros(vm::kU32, {kHeads, rows}),
               columns = zeros(vm::kI32, {kHeads, 1000}), offsets = zeros(vm::kI32, {kHeads, 6096}),
               column_count = zeros(vm::kI32, {kHeads}), offset_count = zeros(vm::kI32, {kHeads}),
               column_mark = zeros(vm::kI32, {kHeads, rows + 1}),
               offset_mark = zeros(vm::kI32, {kHeads, rows + 1}),
               column_sum = zeros(vm::kI32, {kHeads * (rows + 1) + 1}),
               offset_sum = zeros(vm::kI32, {kHeads * (rows + 1) + 1}),
               item_tiles = zeros(vm::kI32, {kHeads, blocks}),
               item_singles = zeros(vm::kI32, {kHeads, blocks}),
               tile_first = zeros(vm::kI32, {items + 1}),
               single_first = zeros(vm::kI32, {items + 1}), places = zeros(vm::kI32, {items, 6}),
               entries = zeros(vm::kI32, {kHeads * blocks * (blocks + 1) / 2}),
               singles = zeros(vm::kI32, {items * 1030}), chosen = zeros(vm::kI32, {kHeads, 1030});
  const auto flat = [&](const Tensor& t) {
    std::int64_t n = 1;
    for (const std::int64_t extent : t.shape()) n *= extent;
    return as(t, vm::kI32, {n});
  };
  const Shape sums = {kHeads, rows + 1};
  const Tensor offset_rows = as(offset_sum, vm::kI32, sums),
               column_rows = as(column_sum, vm::kI32, sums);
  const LaunchArgument none;
  const std::vector<std::pair<std::string, std::int64_t>> of_rows = {{"rows", rows}},
                                                          of_items = {{"rows", rows},
                                                                      {"blocks", blocks}};
  const std::pair<const char*, std::function<void()>> steps[] = {
      {"attention of the last rows",
       [&] {
         must(attend.launch(stream, q, k, v, place, first, list, none, none, none, 0.0883883476, 0,
                            0, o, lse));
       }},
      {"masses", [&] { must(mass.launch(stream, q, k, lse, 0.0883883476, vertical, slash)); }},
      // sums are below 2^31, where the bits of floats are in the order of the integers
      {"largest columns",
       [&] {
         must(top.launch(stream, as(vertical, vm::kF32, {kHeads, rows}), 1000, columns,
                         column_count));
       }},
      {"largest diagonals",
       [&] {
         must(top.launch(stream, as(slash, vm::kF32, {kHeads, rows}), 6096, offsets, offset_count));
       }},
      {"marks",
       [&] {
         must(mark.launch(stream, columns, column_count, 30, column_mark));
         must(mark.launch(stream, offsets, offset_count, 100, offset_mark));
       }},
      {"running counts",
       [&] {
         must(kernels::exclusive_scan(stream, flat(column_mark), column_sum));
         must(kernels::exclusive_scan(stream, flat(offset_mark), offset_sum));
       }},
      {"count",
       [&] {
         const LaunchArgument arguments[] = {offset_rows.argument(), column_rows.argument(),
                                             item_tiles.argument(), item_singles.argument()};
         must(count.launch_with(stream, arguments, {.sizes = of_rows}));
         must(kernels::exclusive_scan(stream, flat(item_tiles), tile_first));
         must(kernels::exclusive_scan(stream, flat(item_singles), single_first));
       }},
      {"lists", [&] {
         const LaunchArgument arguments[] = {offset_rows.argument(),  column_rows.argument(),
                                             chosen.argument(),       tile_first.argument(),
                                             single_first.argument(), places.argument(),
                                             entries.argument(),      singles.argument()};
         must(marked.launch(stream, column_rows, chosen));
         must(make.launch_with(stream, arguments, {.sizes = of_items}));
       }}};
  for (const auto& [name, step] : steps) step();  // with sums of one run
  must(stream.synchronize());
  const int each = rows > 40000 ? 2 : 8;
  for (const auto& [name, step] : steps) {
    if (std::string_view(name) == "masses") continue;  // sums would add up
    bench.time(
        fmt::format("index/vertical-slash/{}/{}", name, rows), [&](int) { step(); }, each, 5);
  }
  bench.time(
      fmt::format("index/vertical-slash/all/{}", rows),
      [&](int) {
        for (const auto& [name, step] : steps) step();
      },
      each, 5);
}

}  // namespace

int main(int argc, char** argv) {
  std::string result, only, commit = "unknown";
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--result") == 0) result = argv[i + 1];
    if (std::strcmp(argv[i], "--only") == 0) only = argv[i + 1];
    if (std::strcmp(argv[i], "--commit") == 0) commit = argv[i + 1];
  }
  const Result<Device> device = Device::open();
  if (!device) {
    fmt::print("skipped: {}\n", device.error().message);
    return 77;
  }
  fmt::print("{}\n", device->name());
  Bench bench(*device, only);
  if (only != "attention" && only != "index") {
    products(bench, 8192, 8192);
    products(bench, 8192, 28672);
  }
  if (bench.wants("attention"))
    for (const std::int64_t rows : {8192, 32768, 131072}) attention(bench, rows);
  if (bench.wants("index"))
    for (const std::int64_t rows : {8192, 32768, 131072}) index_time(bench, rows);
  if (result.empty()) return 0;
  std::ofstream out(result);
  out << fmt::format(
      "{{\n  \"device\": \"{}\",\n  \"date\": \"{}\",\n  \"commit\": \"{}\",\n  \"command\": "
      "\"build/bench/families_bench{}\",\n  \"rows\": [",
      device->name(), std::getenv("BITLOOM_DATE") ? std::getenv("BITLOOM_DATE") : "", commit,
      only.empty() ? "" : " --only " + only);
  bool any = false;
  for (const Row& row : bench.rows()) {
    out << fmt::format("{}\n    {{\"name\": \"{}\", \"us_median\": {:.3f}{}{}}}", any ? "," : "",
                       row.name, row.us, row.more.empty() ? "" : ", ", row.more);
    any = true;
  }
  out << "\n  ]\n}\n";
  return out ? 0 : 1;
}
