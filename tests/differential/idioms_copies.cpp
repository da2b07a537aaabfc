// Copies that an mbarrier counts, and stores in groups: rings of stages, multicast, both ways.
#include "tests/differential/idioms.h"

namespace bitloom::test {
namespace {

bool any_stored(vm::ElementType element) {
  return !element.is_bool();
}
bool whole_bytes(vm::ElementType element) {
  return !element.is_bool() && element.bits >= 8;
}

std::string cache_of(IdiomText& t) {
  const auto* cache = t.pick({"", "evict_first", "evict_last", "no_allocate"});
  return *cache ? fmt::format(", cache = {}", cache) : "";
}

// Budgets that whole warpgroups may ask for.
std::pair<std::string, std::string> budgets(IdiomText& t, std::int64_t producer,
                                            std::int64_t consumer) {
  if (producer % 128 != 0 || consumer % 128 != 0 || t.chance(40)) return {"", ""};
  return {fmt::format(" registers({})", t.pick({24, 40, 56})),
          fmt::format(" registers({})", t.pick({128, 160, 200}))};
}

// A producer fills stages with contiguous pieces, consumers share each.
void bulk_ring(IdiomText& t) {
  const std::int64_t stages = t.number(1, 4), steps = t.number(1, 7), grid = t.number(1, 3),
                     width = 128 * t.number(1, 3), consumers = t.number(1, 2),
                     producer = t.pick({32, 64, 128}), consumer = t.pick({32, 64, 128}),
                     part = width / consumers;
  const auto [count, gives_back] =
      t.arrival(fmt::format("empty[i % {}]", stages), consumers, consumer);
  const auto [few, many] = budgets(t, producer, consumer);
  const std::int64_t total = grid * steps * width;
  t.input("x", t.element(), "n", {total}, t.fill());
  t.output("y", t.element(), "n", {total});
  t.size("n", total);
  t.head("explicit kernel", grid, producer + consumers * consumer);
  t.line("shared s: {}[{}, {}]", t.type(), stages, width);
  t.line("barrier full[{}] count(1)\nbarrier empty[{}] count({})", stages, stages, count);
  t.line("roles {{\nrole producer threads({}){} {{\nfor i in 0 .. {} {{", producer, few, steps);
  t.line("wait(empty[i % {0}], (i / {0} + 1) % 2)", stages);
  t.line("expect(full[i % {0}], bytes(s[i % {0}]))", stages);
  t.line("copy_bulk(s[i % {0}], x[(block.x * {1} + i) * {2} +: {2}], full[i % {0}]{3})", stages,
         steps, width, cache_of(t));
  t.line("}}\n}}\nrole consumer[{}] threads({}){} {{\nfor i in 0 .. {} {{", consumers, consumer,
         many, steps);
  t.line("wait(full[i % {0}], i / {0} % 2)", stages);
  t.line("let v = s[i % {}, role.index * {} +: {}]", stages, part, part);
  t.line("y[(block.x * {} + i) * {} + role.index * {} +: {}] <- {}", steps, width, part, part,
         t.computed("v"));
  t.line("{}\n}}\n}}\n}}", gives_back);
}

// The same in boxes of a matrix whose edges the last ones cross, with any swizzle; the way back by
// threads, or by a tensor copy of a staged tile.
void tensor_ring(IdiomText& t) {
  const std::int64_t bytes = t.bytes(), stages = t.number(1, 3), steps = t.number(1, 4),
                     grid = t.number(1, 2), rows = t.pick({8, 16, 32, 64}),
                     swizzle = t.pick({0, 32, 64, 128}),
                     width = (swizzle ? swizzle : 16 * t.number(1, 8)) / bytes * t.number(1, 2),
                     consumer = t.pick({32, 128}), piece = std::max<std::int64_t>(1, 16 / bytes);
  const std::int64_t m = grid * rows - (t.chance(50) ? t.number(0, rows - 1) : 0),
                     k = steps * width - (t.chance(50) && width > piece ? piece : 0);
  const bool staged = t.chance(50);
  const auto [count, gives_back] = t.arrival(fmt::format("empty[i % {}]", stages), 1, consumer);
  const std::string swizzled = swizzle ? fmt::format(" swizzle({})", swizzle) : "";
  t.input("x", t.element(), "m, k", {m, k}, t.fill());
  t.output("y", t.element(), "m, k", {m, k});
  t.size("m", m);
  t.size("k", k);
  t.head("explicit kernel", grid, 32 + consumer);
  t.line("shared s: {}[{}, {}, {}]{}", t.type(), stages, rows, width, swizzled);
  if (staged) t.line("shared out: {}[{}, {}]{}", t.type(), rows, width, swizzled);
  t.line("barrier full[{}] count(1)\nbarrier empty[{}] count({})", stages, stages, count);
  t.line("roles {{\nrole producer threads(32) {{\nfor i in 0 .. {} {{", steps);
  t.line("wait(empty[i % {0}], (i / {0} + 1) % 2)", stages);
  t.line("expect(full[i % {0}], bytes(s[i % {0}]))", stages);
  const std::string window =
      fmt::format("[block.x * {} +: {}, i * {} +: {}]", rows, rows, width, width);
  t.line("copy_tensor(s[i % {0}], x{1}, full[i % {0}]{2})", stages, window, cache_of(t));
  t.line("}}\n}}\nrole consumer threads({}) {{\nfor i in 0 .. {} {{", consumer, steps);
  t.line("wait(full[i % {0}], i / {0} % 2)\nlet v = s[i % {0}]", stages);
  if (staged) {
    t.line("store_wait<0>(read = true)\nsync()");
    t.line("out[:, :] <- {}\nfence(async)\nsync()", t.computed("v"));
    t.line("store_tensor(y{}, out[:, :])\nstore_commit()", window);
  } else {
    t.line("clip(y{}) <- {}", window, t.computed("v"));
  }
  t.line("{}\n}}", gives_back);
  if (staged) t.line("store_wait<0>({})", t.chance(50) ? "read = true" : "");
  t.line("}}\n}}");
}

// Out of two buffers in turn.
void bulk_stores(IdiomText& t) {
  const std::int64_t steps = t.number(1, 6), width = 128 * t.number(1, 3), grid = t.number(1, 3),
                     threads = 32 << t.number(0, 3), total = grid * steps * width;
  t.input("x", t.element(), "n", {total}, t.fill());
  t.output("y", t.element(), "n", {total});
  t.size("n", total);
  t.head("explicit kernel", grid, threads);
  t.line("shared s: {}[2, {}]", t.type(), width);
  t.line("for i in 0 .. {} {{\nstore_wait<1>(read = true)\nsync()", steps);
  const std::string at = fmt::format("[(block.x * {} + i) * {} +: {}]", steps, width, width);
  t.line("let v = load(x{})\ns[i % 2] <- {}", at, t.computed("v"));
  t.line("fence(async)\nsync()\nstore_bulk(y{}, s[i % 2])\nstore_commit()\n}}", at);
  t.line("store_wait<0>()");
}

// Blocks of a cluster read each other's tiles.
void neighbours(IdiomText& t) {
  const std::int64_t cluster = t.pick({2, 4}), grid = cluster * t.number(1, 2),
                     width = 64 * t.number(1, 6), threads = 32 << t.number(0, 3);
  t.input("x", t.element(), "g, w", {grid, width}, t.fill());
  t.output("y", t.element(), "g, w", {grid, width});
  t.size("g", grid);
  t.size("w", width);
  t.head("explicit kernel", grid, threads, fmt::format("cluster({})", cluster));
  t.line("shared s: {}[{}]", t.type(), width);
  t.line("s[:] <- load(x[block.x, 0 +: {}])\ncluster_sync()", width);
  t.line("let other = map_shared(ref s[:], (cluster.rank + {}) % {})", t.number(1, cluster - 1),
         cluster);
  t.line("let v = load(other)\ny[block.x, 0 +: {}] <- {}\ncluster_sync()", width, t.computed("v"));
}

// One block's copy arrives in all of them.
void multicast(IdiomText& t) {
  const std::int64_t bytes = t.bytes(), cluster = t.pick({2, 4}), rows = t.pick({4, 8, 16}),
                     width = 16 * t.number(1, 8) / bytes * t.number(1, 2),
                     threads = 32 << t.number(0, 2), sender = t.number(0, cluster - 1),
                     turns = t.number(1, 3);
  const std::int64_t m = turns * rows;
  t.input("x", t.element(), "m, w", {m, width}, t.fill());
  t.output("y", t.element(), "c, m, w", {cluster, m, width});
  t.size("c", cluster);
  t.size("m", m);
  t.size("w", width);
  t.head("explicit kernel", cluster, threads, fmt::format("cluster({})", cluster));
  t.line("shared s: {}[{}, {}]\nbarrier full count(1)", t.type(), rows, width);
  t.line("for i in 0 .. {} {{\nexpect(full, bytes(s[:, :]))\ncluster_sync()", turns);
  t.line("if cluster.rank == {} {{", sender);
  t.line("copy_tensor(s[:, :], x[i * {} +: {}, 0 +: {}], full, multicast = {})\n}}", rows, rows,
         width, (1 << cluster) - 1);
  t.line("wait(full, i % 2)\nlet v = s[:, :]");
  t.line("y[cluster.rank, i * {} +: {}, 0 +: {}] <- {}", rows, rows, width, t.computed("v"));
  t.line("fence(async)\ncluster_sync()\n}}");
}

}  // namespace

std::vector<Idiom> copy_idioms() {
  return {{"bulk_ring", 90, any_stored, bulk_ring},
          {"tensor_ring", 90, whole_bytes, tensor_ring},
          {"bulk_stores", 90, any_stored, bulk_stores},
          {"neighbours", 90, any_stored, neighbours},
          {"multicast", 90, whole_bytes, multicast}};
}

}  // namespace bitloom::test
