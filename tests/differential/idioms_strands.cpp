// Strands that meet: named barriers, mbarriers without asynchronous copies, warps, early ends; and
// the comfortable pipeline, views of memory, prints, dependent launches.
#include "tests/differential/idioms.h"

namespace bitloom::test {
namespace {

bool any_stored(vm::ElementType element) {
  return !element.is_bool();
}

// Writers and readers of one tile, which two named barriers hand to and fro.
void handoff(IdiomText& t) {
  const std::int64_t writer = 32 << t.number(0, 2), reader = 32 << t.number(0, 2),
                     steps = t.number(1, 5), width = 64 * t.number(1, 5), grid = t.number(1, 3),
                     first = t.number(1, 14), second = first + 1, all = writer + reader;
  const std::int64_t total = grid * steps * width;
  t.input("x", t.element(), "n", {total}, t.fill());
  t.output("y", t.element(), "n", {total});
  t.size("n", total);
  t.head("explicit kernel", grid, all);
  const std::string at = fmt::format("[(block.x * {} + i) * {} +: {}]", steps, width, width);
  t.line("shared s: {}[{}]", t.type(), width);
  t.line("roles {{\nrole writer threads({}) {{\nfor i in 0 .. {} {{", writer, steps);
  t.line("named_sync<{}, {}>()\ns[:] <- load(x{})", second, all, at);
  if (t.chance(50)) t.line("fence({})", t.pick({"block", "gpu", "system"}));
  t.line("named_arrive<{}, {}>()\n}}\n}}", first, all);
  t.line("role reader threads({}) {{\nfor i in 0 .. {} {{", reader, steps);
  t.line("named_arrive<{}, {}>()\nnamed_sync<{}, {}>()", second, all, first, all);
  t.line("let v = s[:]\ny{} <- {}\n}}\n}}\n}}", at, t.computed("v"));
}

// A ring that threads fill; every way to arrive.
void thread_ring(IdiomText& t) {
  const std::int64_t producer = 32 << t.number(0, 2), consumer = 32 << t.number(0, 2),
                     stages = t.number(1, 3), steps = t.number(1, 6), width = 64 * t.number(1, 4),
                     grid = t.number(1, 3);
  const auto [filled, fills] = t.arrival(fmt::format("full[i % {}]", stages), 1, producer);
  const auto [taken, takes] = t.arrival(fmt::format("empty[i % {}]", stages), 1, consumer);
  const std::int64_t total = grid * steps * width;
  t.input("x", t.element(), "n", {total}, t.fill());
  t.output("y", t.element(), "n", {total});
  t.size("n", total);
  t.head("explicit kernel", grid, producer + consumer);
  t.line("shared s: {}[{}, {}]", t.type(), stages, width);
  t.line("barrier full[{0}] count({1})\nbarrier empty[{0}] count({2})", stages, filled, taken);
  const std::string at = fmt::format("[(block.x * {} + i) * {} +: {}]", steps, width, width);
  t.line("roles {{\nrole producer threads({}) {{\nfor i in 0 .. {} {{", producer, steps);
  t.line("wait(empty[i % {0}], (i / {0} + 1) % 2)\ns[i % {0}] <- load(x{1})", stages, at);
  t.line("{}\n}}\n}}", fills);
  t.line("role consumer threads({}) {{\nfor i in 0 .. {} {{", consumer, steps);
  t.line("wait(full[i % {0}], i / {0} % 2)\nlet v = s[i % {0}]", stages);
  t.line("y{} <- {}\n{}\n}}\n}}\n}}", at, t.computed("v"), takes);
}

// A tile of each warp, turned over through shared memory.
void within_warps(IdiomText& t) {
  const std::int64_t warps = 1 << t.number(0, 3), rows = 8 << t.number(0, 1),
                     columns = 8 << t.number(0, 1), turns = t.number(1, 3);
  const vm::Shape known{turns, warps, rows, columns};
  t.input("x", t.element(), "t, w, r, c", known, t.fill());
  t.output("y", t.element(), "t, w, c, r", {turns, warps, columns, rows});
  const char* names[] = {"t", "w", "r", "c"};
  for (std::size_t d = 0; d < 4; ++d) t.size(names[d], known[d]);
  t.head("explicit kernel", 1, 32 * warps);
  t.line("shared s: {}[{}, {}, {}]\nwarps w {{", t.type(), warps, rows, columns);
  const bool ends = warps > 1 && t.chance(50);
  t.line("for i in 0 .. {} {{", turns);
  t.line("s[w] <- load(x[i, w, 0 +: {}, 0 +: {}])\nsync_warp()", rows, columns);
  t.line("let v = load(transpose(ref s[w]))\ny[i, w, 0 +: {}, 0 +: {}] <- {}\nsync_warp()", columns,
         rows, t.computed("v"));
  if (ends) t.line("if w == {} {{\nreturn\n}}", t.number(0, warps - 1));
  t.line("}}\n}}");
}

// Some blocks, or one of two roles, end before the others.
void early_end(IdiomText& t) {
  const std::int64_t grid = t.number(2, 5), width = 64 * t.number(1, 5),
                     threads = 64 << t.number(0, 2), last = t.number(0, grid - 1);
  t.input("x", t.element(), "g, w", {grid, width}, t.fill());
  t.output("y", t.element(), "g, w", {grid, width});
  t.output("z", t.element(), "g, w", {grid, width});
  t.size("g", grid);
  t.size("w", width);
  const auto row = [&](const char* name) {
    return fmt::format("{}[block.x, 0 +: {}]", name, width);
  };
  t.head("explicit kernel", grid, threads);
  const bool roles = t.chance(50);
  if (roles) t.line("roles {{\nrole first threads({}) {{", threads / 2);
  t.line("let v = load({})\n{} <- v", row("x"), row("y"));
  t.line("if block.x > {} {{\nreturn\n}}", last);
  if (roles) {
    t.line("}}\nrole second threads({}) {{\nlet v = load({})", threads / 2, row("x"));
    t.line("if block.x <= {} {{\nreturn\n}}", last);
  }
  t.line("{} <- {}", row("z"), t.computed("v"));
  if (roles) t.line("}}\n}}");
}

// The comfortable pipeline: a tile in shared memory, a buffer in registers, or both.
void pipeline(IdiomText& t) {
  const std::int64_t stages = t.number(1, 4), steps = t.number(1, 7), width = 64 * t.number(1, 4),
                     grid = t.number(1, 2), threads = 32 << t.number(0, 3);
  const std::int64_t n = steps * width - (t.chance(50) ? 8 * t.number(0, 7) : 0);
  const int kind = static_cast<int>(t.number(0, 2));
  t.input("x", t.element(), "g, n", {grid, n}, t.fill());
  t.input("z", t.element(), "g, n", {grid, n}, t.fill());
  t.output("y", t.element(), "g, n", {grid, n});
  t.output("r", t.element(), "g, n", {grid, n});
  t.size("g", grid);
  t.size("n", n);
  t.head("kernel", grid, threads);
  const std::string at = fmt::format("[block.x, i * {} +: {}]", width, width);
  if (kind != 1) t.line("shared s: {}[{}, {}]", t.type(), stages, width);
  t.line("pipeline<{}> for i in 0 .. ceildiv(n, {}) {{\nload {{", stages, width);
  if (kind != 1) t.line("s[i] <- x{}", at);
  if (kind != 0) t.line("let q = z{}", at);
  t.line("}}");
  if (kind != 1) t.line("let v = s[i]\ny{} <- {}", at, t.computed("v"));
  if (kind != 0) t.line("r{} <- {}", at, t.computed("q"));
  t.line("}}");
}

// The bytes of a tile, and bytes as a tile.
void views(IdiomText& t) {
  const std::int64_t rows = 8 << t.number(0, 2), columns = 8 << t.number(0, 3),
                     threads = 32 << t.number(0, 3), bytes = rows * columns * t.bits() / 8;
  t.input("x", t.element(), "r, c", {rows, columns}, Fill::Any);
  t.output("b", vm::kU8, "n", {bytes});
  t.output("y", t.element(), "q", {rows * columns});
  t.size("r", rows);
  t.size("c", columns);
  t.size("n", bytes);
  t.size("q", rows * columns);
  t.head("kernel", 1, threads);
  t.line("shared s: {}[{}, {}]", t.type(), rows, columns);
  t.line("s[:, :] <- load(x[0 +: {}, 0 +: {}])", rows, columns);
  t.line("b[0 +: {0}] <- load(view<u8, {0}>(ref s))", bytes);
  t.line("y[0 +: {0}] <- load(reshape<{0}>(ref s))", rows * columns);
}

// Numbers as text, from one block so that lines do not mix.
void prints(IdiomText& t) {
  const bool matrix = t.chance(50);
  const std::int64_t rows = matrix ? 2 << t.number(0, 2) : 1, columns = 8 << t.number(0, 4),
                     threads = 32 << t.number(0, 2);
  t.input("x", t.element(), "r, c", {rows, columns}, Fill::Plain);
  t.output("y", t.element(), "r, c", {rows, columns});
  t.size("r", rows);
  t.size("c", columns);
  t.head("kernel", t.number(1, 3), threads);
  const std::string window = fmt::format("[0 +: {}, 0 +: {}]", rows, columns);
  t.line(
      "if block.x == 0 {{\nlet v = x{}\nprint(\"block {{}} of {{}}: {{}} % {{}}\", block.x, "
      "grid.x, v, x[{}, {}])",
      window, t.number(0, rows - 1), t.number(0, columns - 1));
  t.line("y{} <- v\n}}", window);
}

// A launch that waits for the one before it and lets the next begin.
void dependent(IdiomText& t) {
  const std::int64_t grid = t.number(1, 4), width = 64 * t.number(1, 6),
                     threads = 32 << t.number(0, 3);
  t.input("x", t.element(), "g, w", {grid, width}, t.fill());
  t.output("y", t.element(), "g, w", {grid, width});
  t.size("g", grid);
  t.size("w", width);
  t.head("explicit kernel", grid, threads);
  if (t.chance(50)) t.line("grid_launch()");
  t.line("grid_wait()\nlet v = load(x[block.x, 0 +: {}])\nschedule_fence()", width);
  t.line("fence({})", t.pick({"async", "block", "cluster", "gpu", "system"}));
  t.line("y[block.x, 0 +: {}] <- {}\ngrid_launch()", width, t.computed("v"));
}

}  // namespace

std::vector<Idiom> strand_idioms() {
  return {{"handoff", 80, any_stored, handoff},
          {"thread_ring", 80, any_stored, thread_ring},
          {"within_warps", 80, any_stored, within_warps},
          {"early_end", 80, any_stored, early_end},
          {"pipeline", 80, any_stored, pipeline},
          {"views", 80, any_stored, views},
          {"prints", 80, any_stored, prints},
          {"dependent", 90, any_stored, dependent}};
}

}  // namespace bitloom::test
