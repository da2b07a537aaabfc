// Copies by one thread: contiguous bytes (bulk) and windows of tensors (tensor maps).
//
// A swizzled shared tile lies in panels as wide as its swizzle, and a tensor map writes one panel a
// copy, so a window is as many copies as it has panels; the bytes on the mbarrier are those of all.
#include "codegen/cuda/emit.h"
#include "codegen/cuda/packed_place.h"
#include "codegen/cuda/window_access.h"

namespace bitloom::codegen {

std::string mbarrier_address(KernelWriter& out, vm::ValueId barrier);

namespace {

// The L2 policies that createpolicy gives for whole lines, as CUTLASS writes them.
std::string cache_hint(const vm::Instruction& op) {
  const std::string_view cache = op.word("cache");
  if (cache == "evict_first" || cache == "no_allocate") return "0x12f0000000000000ull";
  if (cache == "evict_last") return "0x14f0000000000000ull";
  return {};
}

std::string address_of(KernelWriter& out, const MemoryView& view) {
  WindowAccess access(out, view, ElementMap::of_scalar(view.dims.size()), {});
  access.begin();
  return access.address(0);
}

// ---- Bulk ---------------------------------------------------------------------------------------

struct Piece {
  std::string shared, global;
  std::int64_t bytes = 0;
};

// Packed windows: the atoms of one column of atoms follow one another on both sides.
bool packed_pieces(KernelWriter& out, const MemoryView& shared, const MemoryView& global,
                   std::vector<Piece>& pieces) {
  const layouts::PackedAtom& atom = *global.root->packed;
  const std::size_t kept = global.dims.size();
  if (kept < 2) return false;
  const std::int64_t n = global.extents[kept - 1] / atom.rows(),
                     k = global.extents[kept - 2] / atom.columns();
  if (layouts::size(global.extents) != global.extents[kept - 1] * global.extents[kept - 2])
    return false;
  const auto map_for = [n](const MemoryView& view) {
    PieceMap map;
    map.threads = 1;
    map.pieces = n;
    const std::size_t leading = view.root->rank() - 2;
    map.piece = [leading](std::int64_t, std::int64_t piece) {
      PackedPiece result;
      result.leading.assign(leading, 0);
      result.n_atom = piece;
      return result;
    };
    return map;
  };
  PackedPlaces to(out, shared, map_for(shared), {}), from(out, global, map_for(global), {});
  if (!to.begin() || !from.begin()) return false;
  for (std::int64_t i = 0; i < n; ++i)
    pieces.push_back({to.address(i), from.address(i), k * atom.bytes()});
  return true;
}

bool plain_pieces(KernelWriter& out, const MemoryView& shared, const MemoryView& global,
                  std::vector<Piece>& pieces) {
  const auto& layout = shared.root->layout;
  if (layout &&
      *layout != layouts::SharedLayout::row_major(shared.root->shape, shared.root->bits())) {
    return false;
  }
  // In the shared tile too only the last dimensions may be whole.
  bool partial = false;
  for (std::size_t v = shared.dims.size(); v-- > 0;) {
    if (partial && shared.extents[v] > 1) return false;
    partial = partial ||
              shared.root->shape[static_cast<std::size_t>(shared.dims[v])] != shared.extents[v];
  }
  pieces.push_back({address_of(out, shared), address_of(out, global),
                    layouts::size(global.extents) * global.root->bits() / 8});
  return true;
}

bool bulk_pieces(KernelWriter& out, const MemoryView& shared, const MemoryView& global,
                 std::vector<Piece>& pieces) {
  return global.root->packed ? packed_pieces(out, shared, global, pieces)
                             : plain_pieces(out, shared, global, pieces);
}

// ---- Tensor maps --------------------------------------------------------------------------------

struct TensorPieces {
  std::string map;
  struct One {
    std::string shared;
    std::vector<std::string> coordinates;  // fast to slow
  };
  std::vector<One> pieces;
};

std::optional<TensorPieces> tensor_pieces(KernelWriter& out, const MemoryView& shared,
                                          const MemoryView& global, std::string& why) {
  const MemoryRoot& root = *global.root;
  const std::size_t rank = root.rank();
  for (std::size_t v = 1; v < global.dims.size(); ++v) {
    if (global.dims[v] <= global.dims[v - 1])
      why = "the window has its dimensions in another order";
  }
  if (global.dims.empty() || global.dims.back() != static_cast<int>(rank - 1)) {
    why = "the window is a point along the contiguous dimension";
  }
  if (!why.empty()) return std::nullopt;
  const auto& layout = shared.root->layout;
  const layouts::Swizzle swizzle = layout ? layout->swizzle() : layouts::kNoSwizzle;
  TensorMapSpec spec{root.value, root.element, vm::Shape(rank, 1),
                     swizzle.is_none() ? 0 : 16 << swizzle.bits};
  for (std::size_t v = 0; v < global.dims.size(); ++v) {
    spec.box[static_cast<std::size_t>(global.dims[v])] = global.extents[v];
  }
  std::int64_t panels = 1;
  if (spec.swizzle_bytes != 0) {
    const std::int64_t panel = spec.swizzle_bytes * 8 / root.bits();
    if (spec.box.back() > panel) {
      panels = spec.box.back() / panel;
      spec.box.back() = panel;
    }
  }
  // The panel of a register: its first element.
  ElementMap map = ElementMap::of_scalar(shared.dims.size());
  map.registers = panels;
  const std::int64_t width = spec.box.back();
  map.element = [rank_of_view = shared.dims.size(), width](std::int64_t, std::int64_t panel) {
    layouts::Index index(rank_of_view, 0);
    index.back() = panel * width;
    return index;
  };
  WindowAccess access(out, shared, map, {});
  access.begin();
  TensorPieces result;
  result.map = "&" + out.tensor_map(spec);
  for (std::int64_t p = 0; p < panels; ++p) {
    TensorPieces::One one;
    one.shared = access.address(p);
    for (std::size_t d = rank; d-- > 0;) {
      Offset at = global.origin[d];
      if (d + 1 == rank) at.constant += p * width;
      one.coordinates.push_back("(u32)(" + at.whole() + ")");
    }
    result.pieces.push_back(std::move(one));
  }
  return result;
}

std::string coordinate_list(int first, std::size_t count) {
  std::string text = "{";
  for (std::size_t i = 0; i < count; ++i) {
    text += fmt::format("{}%{}", i ? ", " : "", first + static_cast<int>(i));
  }
  return text + "}";
}

}  // namespace

void emit(const vm::CopyBulkOp& op, KernelWriter& out) {
  std::vector<Piece> pieces;
  if (!bulk_pieces(out, out.view(op.target()), out.view(op.source()), pieces)) {
    return out.fail(*op, "the bytes do not lie in one piece on both sides");
  }
  const std::string hint = cache_hint(*op);
  const std::string barrier = mbarrier_address(out, op.barrier());
  const std::string name = out.prelude().use(
      hint.empty()
          ? Wrapper{"copy_bulk", "", "rlrr", Ordering::Memory,
                    "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], "
                    "[%1], %2, [%3];"}
          : Wrapper{"copy_bulk_hint", "", "rlrrl", Ordering::Memory,
                    "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes"
                    ".L2::cache_hint [%0], [%1], %2, [%3], %4;"});
  out.open(fmt::format("if ({})", out.is_first_thread()));
  for (const Piece& piece : pieces) {
    std::vector<std::string> arguments{piece.shared, piece.global, fmt::format("{}", piece.bytes),
                                       barrier};
    if (!hint.empty()) arguments.push_back(hint);
    out.line("{};", KernelWriter::invoke(name, arguments));
  }
  out.close();
}

void emit(const vm::StoreBulkOp& op, KernelWriter& out) {
  std::vector<Piece> pieces;
  if (!bulk_pieces(out, out.view(op.source()), out.view(op.target()), pieces)) {
    return out.fail(*op, "the bytes do not lie in one piece on both sides");
  }
  out.open(fmt::format("if ({})", out.is_first_thread()));
  for (const Piece& piece : pieces) {
    out.line("{};",
             out.call("store_bulk", piece.global, piece.shared, fmt::format("{}", piece.bytes)));
  }
  out.close();
}

void emit(const vm::CopyTensorOp& op, KernelWriter& out) {
  std::string why;
  const auto pieces = tensor_pieces(out, out.view(op.target()), out.view(op.source()), why);
  if (!pieces) return out.fail(*op, why);
  const std::size_t rank = pieces->pieces[0].coordinates.size();
  const std::string hint = cache_hint(*op), barrier = mbarrier_address(out, op.barrier());
  const std::int64_t multicast = op->integer("multicast");
  Wrapper wrapper;
  wrapper.name = fmt::format("copy_tensor_{}d{}{}", rank, multicast ? "_multicast" : "",
                             hint.empty() ? "" : "_hint");
  wrapper.operands =
      "rl" + std::string(rank, 'r') + "r" + (multicast ? "h" : "") + (hint.empty() ? "" : "l");
  wrapper.ordering = Ordering::Memory;
  int next = static_cast<int>(rank) + 3;
  wrapper.ptx = fmt::format(
      "cp.async.bulk.tensor.{}d.shared::cluster.global.mbarrier::complete_tx::bytes{}{} [%0], [%1, "
      "{}], "
      "[%{}]",
      rank, multicast ? ".multicast::cluster" : "", hint.empty() ? "" : ".L2::cache_hint",
      coordinate_list(2, rank), rank + 2);
  if (multicast) wrapper.ptx += fmt::format(", %{}", next++);
  if (!hint.empty()) wrapper.ptx += fmt::format(", %{}", next++);
  wrapper.ptx += ";";
  const std::string name = out.prelude().use(wrapper);
  out.open(fmt::format("if ({})", out.is_first_thread()));
  for (const TensorPieces::One& one : pieces->pieces) {
    std::vector<std::string> arguments{one.shared, "(u64)" + pieces->map};
    arguments.insert(arguments.end(), one.coordinates.begin(), one.coordinates.end());
    arguments.push_back(barrier);
    if (multicast) arguments.push_back(fmt::format("(u16){}", multicast));
    if (!hint.empty()) arguments.push_back(hint);
    out.line("{};", KernelWriter::invoke(name, arguments));
  }
  out.close();
}

void emit(const vm::StoreTensorOp& op, KernelWriter& out) {
  std::string why;
  const auto pieces = tensor_pieces(out, out.view(op.source()), out.view(op.target()), why);
  if (!pieces) return out.fail(*op, why);
  const std::size_t rank = pieces->pieces[0].coordinates.size();
  const std::string name = out.prelude().use(
      Wrapper{fmt::format("store_tensor_{}d", rank), "", "l" + std::string(rank, 'r') + "r",
              Ordering::Memory,
              fmt::format("cp.async.bulk.tensor.{}d.global.shared::cta.bulk_group [%0, {}], [%{}];",
                          rank, coordinate_list(1, rank), rank + 1)});
  out.open(fmt::format("if ({})", out.is_first_thread()));
  for (const TensorPieces::One& one : pieces->pieces) {
    std::vector<std::string> arguments{"(u64)" + pieces->map};
    arguments.insert(arguments.end(), one.coordinates.begin(), one.coordinates.end());
    arguments.push_back(one.shared);
    out.line("{};", KernelWriter::invoke(name, arguments));
  }
  out.close();
}

void emit(const vm::StoreCommitOp&, KernelWriter& out) {
  out.line("if ({}) {};", out.is_first_thread(), out.call("store_commit"));
}

void emit(const vm::StoreWaitOp& op, KernelWriter& out) {
  const std::string name = out.prelude().use(op->flag("read") ? "store_wait_read" : "store_wait");
  out.line("if ({}) {}<{}>();", out.is_first_thread(), name, op->integer("pending"));
}

}  // namespace bitloom::codegen
