#include "vm/interpreter/global_shadow.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "vm/interpreter/access.h"
#include "vm/interpreter/report.h"

namespace bitloom::vm::interpreter {
namespace {

void join(ClusterTimes& into, const ClusterTimes& from) {
  for (const auto& [cluster, time] : from) {
    std::uint32_t& mine = into[cluster];
    mine = std::max(mine, time);
  }
}

}  // namespace

GlobalShadow::GlobalShadow(const Program& program, std::int64_t clusters)
    : program_(program), alone_(clusters < 2) {
  std::vector<const Root*> roots;
  for (const auto& root : program.roots)
    if (root->space == Space::Global && root->data && root->bytes > 0) roots.push_back(root.get());
  std::sort(roots.begin(), roots.end(),
            [](const Root* a, const Root* b) { return a->data < b->data; });
  // Tensors whose bytes overlap share an arena; one that is written makes all of it watched.
  std::vector<const Root*> group;
  const std::byte* end = nullptr;
  const auto close = [&] {
    const bool written =
        std::any_of(group.begin(), group.end(), [](const Root* r) { return r->written; });
    if (written) {
      auto arena = std::make_unique<Arena>();
      arena->begin = group.front()->data;
      arena->end = end;
      arena->granule = 8;
      for (const Root* root : group) {
        const std::int64_t bytes = root->bits % 8 == 0 ? root->bits / 8 : 1;
        arena->granule =
            std::gcd(std::gcd(arena->granule, bytes), std::int64_t{root->data - arena->begin});
        arena_of_[root] = arena.get();
      }
      const auto cells = static_cast<std::size_t>((end - arena->begin) / arena->granule + 1);
      arena->pages = std::vector<std::atomic<Page*>>(cells / kPage + 1);
      arenas_.push_back(std::move(arena));
    }
    group.clear();
  };
  for (const Root* root : roots) {
    if (!group.empty() && root->data >= end) close();
    if (group.empty()) end = root->data;
    end = std::max<const std::byte*>(end, root->data + root->bytes);
    group.push_back(root);
  }
  if (!group.empty()) close();
}

GlobalShadow::Page& GlobalShadow::page_at(Arena& arena, std::size_t index) {
  if (Page* page = arena.pages[index].load(std::memory_order_acquire)) return *page;
  const std::lock_guard lock(arena.mutex);
  if (Page* page = arena.pages[index].load(std::memory_order_relaxed)) return *page;
  arena.owned.push_back(std::make_unique<Page>());
  arena.pages[index].store(arena.owned.back().get(), std::memory_order_release);
  return *arena.owned.back();
}

void GlobalShadow::touch(Strand& strand, const Step& step, const Root& root, bool write,
                         const Touch& touch) {
  const auto found = arena_of_.find(&root);
  if (found == arena_of_.end()) return;
  Arena& arena = *found->second;
  if (!alone_) touch_clusters(strand, step, {&root, write, touch.atomic}, arena, touch);
  if (Hazards* hazards = strand.cluster->hazards.get())
    hazards->global(strand, step, touch, {&arena, root.data - arena.begin, arena.granule}, write);
}

void GlobalShadow::touch_clusters(Strand& strand, const Step& step, const Access& access,
                                  Arena& arena, const Touch& touch) {
  const std::int64_t base = access.root->data - arena.begin;
  Page* page = nullptr;
  std::size_t page_index = ~std::size_t{0};
  std::unique_lock<std::mutex> lock;
  std::optional<std::array<std::int64_t, 3>> bad;  // address, step, cluster
  const auto one = [&](std::size_t unit) {
    if (touch.address[unit] == kInactive) return;
    const std::int64_t first = base + touch.address[unit] + touch.offset;
    for (std::int64_t byte = first; byte < first + touch.width; byte += arena.granule) {
      const auto cell = static_cast<std::size_t>(byte / arena.granule);
      if (cell / kPage != page_index) {
        if (lock.owns_lock()) lock.unlock();
        page_index = cell / kPage;
        page = &page_at(arena, page_index);
        lock = std::unique_lock(page->mutex);
      }
      std::uint32_t other_step = 0, other_cluster = 0;
      if (!visit(*page, cell % kPage, strand, step, access, other_step, other_cluster) && !bad)
        bad = {touch.address[unit] + touch.offset, other_step, other_cluster};
    }
  };
  if (touch.subset && !touch.subset->empty()) {
    for (std::uint32_t unit : *touch.subset) one(unit);
  } else {
    for (std::size_t unit = 0; unit < touch.count; ++unit) one(unit);
  }
  if (lock.owns_lock()) lock.unlock();
  if (bad)
    fault(strand, step, access, (*bad)[0], static_cast<std::uint32_t>((*bad)[1]),
          static_cast<std::uint32_t>((*bad)[2]));
}

// False when the access races with what the cell remembers.
bool GlobalShadow::visit(Page& page, std::size_t index, Strand& strand, const Step& step,
                         const Access& access, std::uint32_t& other_step,
                         std::uint32_t& other_cluster) {
  Cell& cell = page.cells[index];
  const GlobalOrder& order = strand.cluster->order;
  const auto me = static_cast<std::uint32_t>(strand.cluster->number) + 1;
  const auto known = [&](std::uint32_t cluster, std::uint32_t time) {
    if (cluster == 0 || cluster == me) return true;
    const auto seen = order.knows.find(cluster);
    return seen != order.knows.end() && seen->second >= time;
  };
  bool good = true;
  const auto race = [&](std::uint32_t other, std::uint32_t at) {
    if (good) other_cluster = other, other_step = at;
    good = false;
  };
  if (!(access.atomic && cell.atomic) && !known(cell.writer, cell.write_time))
    race(cell.writer, cell.write_step);
  if (access.write) {
    if (cell.many) {
      for (const auto& [cluster, time] : page.readers[static_cast<std::uint32_t>(index)])
        if (!known(cluster, time)) race(cluster, cell.read_step);
      page.readers.erase(static_cast<std::uint32_t>(index));
    } else if (!known(cell.reader, cell.read_time)) {
      race(cell.reader, cell.read_step);
    }
    cell.writer = me;
    cell.write_time = order.time;
    cell.write_step = step.number;
    cell.atomic = access.atomic;
    cell.reader = 0;
    cell.many = false;
    return good;
  }
  if (access.atomic) return good;  // atomic writes do not race with it
  if (cell.many) {
    page.readers[static_cast<std::uint32_t>(index)][me] = order.time;
  } else if (!known(cell.reader, cell.read_time)) {
    page.readers[static_cast<std::uint32_t>(index)] = {{cell.reader, cell.read_time},
                                                       {me, order.time}};
    cell.many = true;
  }
  cell.reader = me;
  cell.read_time = order.time;
  cell.read_step = step.number;
  return good;
}

void GlobalShadow::fault(Strand& strand, const Step& step, const Access& access,
                         std::int64_t address, std::uint32_t other_step,
                         std::uint32_t other_cluster) {
  const Root& root = *access.root;
  const Step* before = program_.steps[other_step];
  Diagnostic diagnostic{Severity::Error, "BL0506", step.instruction->span, {}, {}, {}};
  diagnostic << info(step.instruction->opcode).mnemonic << ": ";
  if (root.order == Root::Order::Dense) {
    const std::int64_t number = address * 8 / root.bits;
    diagnostic << "element " << layouts::to_string(layouts::unlinear(number, root.extents))
               << " of ";
  }
  diagnostic << (root.name.empty() ? std::string("a tensor") : root.name) << " is "
             << (access.write ? "written" : "read") << " by " << strand.block->describe()
             << " while another block has touched it, and nothing orders the two";
  const std::int64_t block =
      static_cast<std::int64_t>(other_cluster - 1) * program_.function->cluster;
  const auto& grid = program_.grid;
  if (before->instruction) {
    diagnostic.note(
        before->instruction->span,
        fmt::format("{}: by block ({}, {}, {})", info(before->instruction->opcode).mnemonic,
                    block % grid[0], block / grid[0] % grid[1], block / (grid[0] * grid[1])));
  }
  diagnostic.hint("use an atomic, or a flag that one block releases and the other acquires");
  report(strand, step, other_step + 1, std::move(diagnostic));
}

// ---- Order --------------------------------------------------------------------------------------

namespace {

// What a cluster hands on: all it knows, and itself up to now.
ClusterTimes knowledge(const Cluster& cluster) {
  ClusterTimes all = cluster.order.knows;
  all[static_cast<std::uint32_t>(cluster.number) + 1] = cluster.order.time;
  return all;
}

}  // namespace

void GlobalShadow::release(Cluster& cluster, const std::byte* place) {
  const ClusterTimes mine = knowledge(cluster);
  ++cluster.order.time;
  const std::lock_guard lock(flags_mutex_);
  join(flags_[place], mine);
}

void GlobalShadow::acquire(Strand& strand, const std::byte* place) {
  Cluster& cluster = *strand.cluster;
  const std::lock_guard lock(flags_mutex_);
  const auto found = flags_.find(place);
  if (found == flags_.end()) return;
  join(cluster.order.knows, found->second);
  // What this cluster let others know has come back.
  const auto mine = found->second.find(static_cast<std::uint32_t>(cluster.number) + 1);
  if (cluster.hazards && mine != found->second.end())
    cluster.hazards->returned(strand, mine->second);
}

void GlobalShadow::relaxed(Cluster& cluster, const std::byte* place, bool reads, bool writes) {
  const std::lock_guard lock(flags_mutex_);
  if (reads) {
    const auto found = flags_.find(place);
    if (found != flags_.end()) join(cluster.order.pending, found->second);
  }
  if (writes && !cluster.order.fenced.empty()) join(flags_[place], cluster.order.fenced);
}

void GlobalShadow::fence(Cluster& cluster) {
  GlobalOrder& order = cluster.order;
  join(order.knows, order.pending);
  order.pending.clear();
  order.fenced = knowledge(cluster);
  ++order.time;
}

}  // namespace bitloom::vm::interpreter
