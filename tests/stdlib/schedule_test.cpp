// std.schedule: whatever the shape, every item is visited exactly once, and coordinates are a
// bijection.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "tests/language/program.h"

namespace bitloom::test {
namespace {

std::vector<std::int64_t> integers_of(const Arrays& results, const std::string& name) {
  std::vector<std::int64_t> values;
  if (results.contains(name))
    for (const double number : numbers_of(results.at(name)))
      values.push_back(static_cast<std::int64_t>(number));
  return values;
}

constexpr const char* kShares = R"(
import std.schedule
kernel shares(blocks: i32, items: i32, visits: global i32[n], owner: global i32[n], least: global i32[b], most: global i32[b],
              begins: global i32[b]) grid(b) threads(32)
{
    for item in schedule.first(items) .. schedule.last(items) {
        fetch_add(visits[item], 1)
        fetch_add(owner[item], block.x)
    }
    least[block.x] <- schedule.first(items)
    most[block.x] <- schedule.last(items)
    begins[block.x] <- schedule.share(items, block.x, blocks)
}
)";

TEST(Schedule, SharesAreContiguousAndDifferByAtMostOne) {
  std::mt19937_64 random(test_seed());
  for (int round = 0; round < 8; ++round) {
    const std::int64_t blocks = pick(random, 1, 20), items = pick(random, 0, 100);
    SCOPED_TRACE(fmt::format("blocks={} items={}", blocks, items));
    const Arrays results =
        run({.text = kShares,
             .arguments = {{"visits", zeros(vm::kI32, {128})}, {"owner", zeros(vm::kI32, {128})}},
             .numbers = {{"blocks", static_cast<double>(blocks)},
                         {"items", static_cast<double>(items)}},
             .outputs = {"visits", "owner", "least", "most", "begins"},
             .sizes = {{"b", blocks}}});
    const auto visits = integers_of(results, "visits"), owner = integers_of(results, "owner"),
               least = integers_of(results, "least"), most = integers_of(results, "most");
    ASSERT_EQ(visits.size(), 128u);
    EXPECT_EQ(integers_of(results, "begins"), least);
    for (std::int64_t i = 0; i < 128; ++i) {
      const auto at = static_cast<std::size_t>(i);
      ASSERT_EQ(visits[at], i < items ? 1 : 0) << i;
      if (i > 0 && i < items) {
        ASSERT_GE(owner[at], owner[at - 1]);
      }
    }
    std::int64_t shortest = items, longest = 0;
    for (std::size_t b = 0; b < least.size(); ++b) {
      shortest = std::min(shortest, most[b] - least[b]);
      longest = std::max(longest, most[b] - least[b]);
    }
    EXPECT_LE(longest - shortest, 1);
  }
}

constexpr const char* kOrders = R"(
import std.schedule
kernel orders(rows: i32, columns: i32, group: i32, slices: i32, units: i32, by_row: global i32[n, 2], by_column: global i32[n, 2],
              banded: global i32[n, 2], cut: global i32[n, 2], streamed: global i32[n, 2]) grid(n) threads(32)
{
    let item = block.x
    let (r, c) = schedule.row_major(item, columns)
    by_row[item, 0] <- r
    by_row[item, 1] <- c
    let (r2, c2) = schedule.column_major(item, rows)
    by_column[item, 0] <- r2
    by_column[item, 1] <- c2
    let (r3, c3) = schedule.grouped(item, rows, columns, group)
    banded[item, 0] <- r3
    banded[item, 1] <- c3
    let (tile, slice) = schedule.split(item, slices)
    cut[item, 0] <- tile
    cut[item, 1] <- slice
    let (tile2, step) = schedule.stream(item, units)
    streamed[item, 0] <- tile2
    streamed[item, 1] <- step
}
)";

using Place = std::pair<std::int64_t, std::int64_t>;

std::vector<Place> places_of(const Arrays& results, const std::string& name) {
  const auto values = integers_of(results, name);
  std::vector<Place> places;
  for (std::size_t i = 0; i + 1 < values.size(); i += 2)
    places.emplace_back(values[i], values[i + 1]);
  return places;
}

TEST(Schedule, OrdersVisitEveryTileExactlyOnce) {
  std::mt19937_64 random(test_seed() + 1);
  for (int round = 0; round < 8; ++round) {
    const std::int64_t rows = pick(random, 1, 12), columns = pick(random, 1, 12),
                       group = pick(random, 1, 9), n = rows * columns;
    SCOPED_TRACE(fmt::format("rows={} columns={} group={}", rows, columns, group));
    const Arrays results = run({.text = kOrders,
                                .numbers = {{"rows", static_cast<double>(rows)},
                                            {"columns", static_cast<double>(columns)},
                                            {"group", static_cast<double>(group)},
                                            {"slices", static_cast<double>(columns)},
                                            {"units", static_cast<double>(columns)}},
                                .outputs = {"by_row", "by_column", "banded", "cut", "streamed"},
                                .sizes = {{"n", n}}});
    std::vector<Place> by_row, by_column, banded;
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t c = 0; c < columns; ++c) by_row.emplace_back(r, c);
    for (std::int64_t c = 0; c < columns; ++c)
      for (std::int64_t r = 0; r < rows; ++r) by_column.emplace_back(r, c);
    for (std::int64_t band = 0; band < rows; band += group)
      for (std::int64_t c = 0; c < columns; ++c)
        for (std::int64_t r = band; r < std::min(rows, band + group); ++r)
          banded.emplace_back(r, c);
    EXPECT_EQ(places_of(results, "by_row"), by_row);
    EXPECT_EQ(places_of(results, "by_column"), by_column);
    EXPECT_EQ(places_of(results, "banded"), banded);
    EXPECT_EQ(places_of(results, "cut"), by_row);
    EXPECT_EQ(places_of(results, "streamed"), by_row);
  }
}

constexpr const char* kSlices = R"(
import std.schedule
kernel slices(units: i32, slices: i32, begins: global i32[n]) grid(n) threads(32)
{
    begins[block.x] <- schedule.slice_begin(units, block.x, slices)
}
)";

TEST(Schedule, SlicesOfASumFollowOneAnother) {
  std::mt19937_64 random(test_seed() + 2);
  for (int round = 0; round < 6; ++round) {
    const std::int64_t units = pick(random, 0, 90), slices = pick(random, 1, 16);
    SCOPED_TRACE(fmt::format("units={} slices={}", units, slices));
    const auto begins = integers_of(run({.text = kSlices,
                                         .numbers = {{"units", static_cast<double>(units)},
                                                     {"slices", static_cast<double>(slices)}},
                                         .outputs = {"begins"},
                                         .sizes = {{"n", slices + 1}}}),
                                    "begins");
    ASSERT_EQ(begins.size(), static_cast<std::size_t>(slices + 1));
    EXPECT_EQ(begins.front(), 0);
    EXPECT_EQ(begins.back(), units);
    for (std::size_t i = 1; i < begins.size(); ++i) {
      const std::int64_t length = begins[i] - begins[i - 1];
      EXPECT_GE(length, units / slices);
      EXPECT_LE(length, units / slices + 1);
    }
  }
}

// Every block walks its run of steps, part by part; each part ends where its tile does or the run.
constexpr const char* kStream = R"(
import std.schedule
kernel stream_k(units: i32, total: i32, visits: global i32[n], parts: global i32[t], said: global i32[t], owners: global i32[n],
                work: global i32[b]) grid(b) threads(32)
{
    let end = schedule.last(total)
    var u = schedule.first(total)
    while u < end {
        let (tile, step) = schedule.stream(u, units)
        let stop = schedule.stream_end(u, units, end)
        for s in u .. stop { fetch_add(visits[s], 1) }
        fetch_add(parts[tile], 1)
        u = stop
    }
    work[block.x] <- end - schedule.first(total)
    if block.x == 0 {
        for tile in 0 .. total / units { said[tile] <- schedule.stream_parts(tile, units, total) }
        for s in 0 .. total { owners[s] <- schedule.owner(s, total) }
    }
}
)";

TEST(Schedule, StreamsVisitEveryStepOnceAndKnowTheirParts) {
  std::mt19937_64 random(test_seed() + 3);
  for (int round = 0; round < 8; ++round) {
    const std::int64_t units = pick(random, 1, 9), tiles = pick(random, 1, 12),
                       blocks = pick(random, 1, 15), total = units * tiles;
    SCOPED_TRACE(fmt::format("units={} tiles={} blocks={}", units, tiles, blocks));
    const Arrays results = run(
        {.text = kStream,
         .arguments = {{"visits", zeros(vm::kI32, {total})}, {"parts", zeros(vm::kI32, {tiles})}},
         .numbers = {{"units", static_cast<double>(units)}, {"total", static_cast<double>(total)}},
         .outputs = {"visits", "parts", "said", "owners", "work"},
         .sizes = {{"b", blocks}}});
    EXPECT_EQ(integers_of(results, "visits"),
              std::vector<std::int64_t>(static_cast<std::size_t>(total), 1));
    EXPECT_EQ(integers_of(results, "parts"), integers_of(results, "said"));
    std::vector<std::int64_t> owners;
    std::vector<std::int64_t> work;
    for (std::int64_t b = 0; b < blocks; ++b) {
      work.push_back(total / blocks + (b < total % blocks ? 1 : 0));
      owners.insert(owners.end(), static_cast<std::size_t>(work.back()), b);
    }
    EXPECT_EQ(integers_of(results, "owners"), owners);
    EXPECT_EQ(integers_of(results, "work"), work);
  }
}

constexpr const char* kTicket = R"(
import std.schedule
kernel tickets(items: i32, ticket: global u32[1], visits: global i32[n], taken: global i32[b]) grid(b) threads(32)
{
    var item = schedule.take(ticket[0])
    var count = 0
    while item < items {
        fetch_add(visits[item], 1)
        count += 1
        item = schedule.take(ticket[0])
    }
    taken[block.x] <- count
}
)";

TEST(Schedule, TicketsAreTakenOnce) {
  std::mt19937_64 random(test_seed() + 4);
  for (int round = 0; round < 4; ++round) {
    const std::int64_t items = pick(random, 1, 60), blocks = pick(random, 1, 12);
    SCOPED_TRACE(fmt::format("items={} blocks={}", items, blocks));
    const Arrays results =
        run({.text = kTicket,
             .arguments = {{"ticket", zeros(vm::kU32, {1})}, {"visits", zeros(vm::kI32, {items})}},
             .numbers = {{"items", static_cast<double>(items)}},
             .outputs = {"ticket", "visits", "taken"},
             .sizes = {{"b", blocks}}});
    EXPECT_EQ(integers_of(results, "visits"),
              std::vector<std::int64_t>(static_cast<std::size_t>(items), 1));
    EXPECT_EQ(integers_of(results, "ticket"), std::vector<std::int64_t>{items + blocks});
    const auto taken = integers_of(results, "taken");
    EXPECT_EQ(std::accumulate(taken.begin(), taken.end(), std::int64_t{0}), items);
  }
}

}  // namespace
}  // namespace bitloom::test
