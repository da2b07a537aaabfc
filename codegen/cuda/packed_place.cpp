#include "codegen/cuda/packed_place.h"

#include <algorithm>

#include "codegen/cuda/special_access.h"

namespace bitloom::codegen {

PackedPlaces::PackedPlaces(KernelWriter& out, const MemoryView& view, PieceMap map,
                           const vm::Shape& clip)
    : out_(out), view_(view), map_(std::move(map)), clip_(clip) {}

bool PackedPlaces::make_part(Part& part, const Offset* origin, std::int64_t divisor,
                             std::string_view prefix,
                             const std::function<std::int64_t(const PackedPiece&)>& of) {
  const auto form =
      fit(map_.digits, map_.threads, [&](std::int64_t t) { return of(map_.piece(t, 0)); });
  if (!form) return false;
  for (std::int64_t p = 0; p < map_.pieces; ++p) {
    const std::int64_t own = of(map_.piece(0, p)), move = own - form->constant;
    for (std::int64_t t = 0; t < map_.threads; ++t) {
      if (of(map_.piece(t, p)) != form->at(t) + move) return false;
    }
    part.moves.push_back(move);
  }
  std::string text;
  const auto add = [&](const std::string& piece) { text += text.empty() ? piece : " + " + piece; };
  const std::string type = view_.root->global() ? "s64" : "int";
  if (origin && !origin->fixed()) {
    const std::string whole = fmt::format("({}){}", type, parenthesized(origin->text));
    add(divisor == 1 ? whole : fmt::format("{} / {}", whole, divisor));
  }
  const std::int64_t constant = form->constant + (origin ? origin->constant / divisor : 0);
  if (!form->is_constant()) {
    add(fmt::format("({}){}", type, parenthesized(form->text(out_.strand().thread, map_.threads))));
  }
  if (constant != 0 || text.empty()) add(fmt::format("{}", constant));
  part.base = out_.fresh(prefix);
  out_.line("const {} {} = {};", type, part.base, text);
  return true;
}

namespace {

bool part_is_sum(const PieceMap& map, const std::function<std::int64_t(const PackedPiece&)>& of) {
  const auto form =
      fit(map.digits, map.threads, [&](std::int64_t t) { return of(map.piece(t, 0)); });
  if (!form) return false;
  for (std::int64_t p = 1; p < map.pieces; ++p) {
    const std::int64_t move = of(map.piece(0, p)) - form->constant;
    for (std::int64_t t = 0; t < map.threads; ++t) {
      if (of(map.piece(t, p)) != form->at(t) + move) return false;
    }
  }
  return true;
}

}  // namespace

bool is_sum(const PieceMap& map) {
  const std::size_t leading = map.piece(0, 0).leading.size();
  for (std::size_t d = 0; d < leading; ++d) {
    if (!part_is_sum(map, [d](const PackedPiece& piece) { return piece.leading[d]; })) return false;
  }
  return part_is_sum(map, [](const PackedPiece& piece) { return piece.n_atom; }) &&
         part_is_sum(map, [](const PackedPiece& piece) { return piece.k_atom; }) &&
         part_is_sum(map, [](const PackedPiece& piece) { return piece.bytes(); });
}

bool PackedPlaces::make_inner() {
  const auto bytes = [](const PackedPiece& piece) { return piece.bytes(); };
  if (part_is_sum(map_, bytes)) return make_part(inner_, nullptr, 1, "inner", bytes);
  return make_part(inner_, nullptr, 1, "inner",
                   [](const PackedPiece& piece) { return piece.inner; }) &&
         make_part(word_.emplace(), nullptr, 1, "word",
                   [](const PackedPiece& piece) { return piece.word; });
}

bool PackedPlaces::begin() {
  const MemoryRoot& root = *view_.root;
  const std::size_t rank = root.rank();
  const layouts::PackedAtom& atom = *root.packed;
  const auto extent = [&](std::size_t d) {
    return root.global() ? root.extents[d] : fmt::format("{}", root.shape[d]);
  };
  for (std::size_t d = 0; d + 2 < rank; ++d) {
    Part part;
    if (!make_part(part, &view_.origin[d], 1, "x",
                   [d](const PackedPiece& piece) { return piece.leading[d]; })) {
      return false;
    }
    leading_.push_back(std::move(part));
  }
  if (!make_part(n_, &view_.origin[rank - 1], atom.rows(), "n_atom",
                 [](const PackedPiece& piece) { return piece.n_atom; }) ||
      !make_part(k_, &view_.origin[rank - 2], atom.columns(), "k_atom",
                 [](const PackedPiece& piece) { return piece.k_atom; }) ||
      !make_inner()) {
    return false;
  }
  atoms_k_ = root.atoms_k;
  atoms_n_ = root.global()
                 ? fmt::format("(({} + {}) / {})", extent(rank - 1), atom.rows() - 1, atom.rows())
                 : fmt::format("{}", (root.shape[rank - 1] + atom.rows() - 1) / atom.rows());
  std::string matrix;
  for (std::size_t d = 0; d < leading_.size(); ++d) {
    matrix = d == 0 ? leading_[0].base
                    : fmt::format("({} * {} + {})", matrix, extent(d), leading_[d].base);
  }
  std::string row = n_.base;
  if (!matrix.empty()) row = fmt::format("({} * {} + {})", matrix, atoms_n_, row);
  base_ = out_.fresh("p");
  out_.line("const {} {} = {} + ({})({} * {} + {}) * {} + {};", root.global() ? "u64" : "u32",
            base_, root.base, root.global() ? "u64" : "u32", row, atoms_k_, k_.base, atom.bytes(),
            inner_.base);
  return true;
}

std::string PackedPlaces::address(std::int64_t piece) {
  const MemoryRoot& root = *view_.root;
  const layouts::PackedAtom& atom = *root.packed;
  const std::string type = root.global() ? "u64" : "u32";
  std::int64_t constant = k_.moves[piece] * atom.bytes() + inner_.moves[piece];
  std::string text = base_, matrix;
  // Leading dimensions rarely move within a tile: their sizes then count in whole matrices.
  for (std::size_t d = 0; d < leading_.size(); ++d) {
    std::string below = atoms_n_;
    for (std::size_t e = d + 1; e < leading_.size(); ++e) {
      below += " * " + (root.global() ? root.extents[e] : fmt::format("{}", root.shape[e]));
    }
    if (leading_[d].moves[piece] != 0) {
      text += fmt::format(" + ({})({} * {} * {}) * {}", type, leading_[d].moves[piece], below,
                          atoms_k_, atom.bytes());
    }
  }
  if (n_.moves[piece] != 0) {
    text += fmt::format(" + ({})({} * {})", type, n_.moves[piece] * atom.bytes(), atoms_k_);
  }
  if (word_) {
    const std::string word = word_->moves[piece] == 0
                                 ? word_->base
                                 : fmt::format("({} + {})", word_->base, word_->moves[piece]);
    text += fmt::format(" + ({})(({} / 4) * 512 + {} % 4 * 4)", type, word, word);
  }
  return constant == 0 ? text : fmt::format("{} + {}", text, constant);
}

void PackedPlaces::record(MemoryAccess::Kind kind, std::int64_t together, std::int64_t bytes) {
  const MemoryRoot& root = *view_.root;
  MemoryAccess* access = out_.record(kind, root, together * bytes);
  if (!access) return;
  const layouts::PackedAtom& atom = *root.packed;
  const std::size_t rank = root.rank();
  const auto extent = [&](std::size_t d) {
    return root.global() ? out_.recorded_size(out_.type(root.value).extents[d]) : root.shape[d];
  };
  const std::int64_t atoms_n = (extent(rank - 1) + atom.rows() - 1) / atom.rows(),
                     atoms_k = (extent(rank - 2) + atom.columns() - 1) / atom.columns();
  for (std::int64_t p = 0; p < map_.pieces; p += together) {
    add_instruction(*access, map_.threads, [&](std::int64_t t) -> std::optional<std::int64_t> {
      const PackedPiece piece = map_.piece(t, p);
      std::int64_t matrix = 0;
      for (std::size_t d = 0; d + 2 < rank; ++d) matrix = matrix * extent(d) + piece.leading[d];
      return ((matrix * atoms_n + piece.n_atom) * atoms_k + piece.k_atom) * atom.bytes() +
             piece.bytes();
    });
  }
}

bool PackedPlaces::clipped(std::size_t d) const {
  for (std::size_t v = 0; v < view_.dims.size(); ++v) {
    if (view_.dims[v] == static_cast<int>(d)) return v < clip_.size() && clip_[v] != 0;
  }
  return std::any_of(clip_.begin(), clip_.end(), [](std::int64_t c) { return c != 0; });
}

std::string PackedPlaces::test(const Part& part, std::int64_t piece, const std::string& limit) {
  const std::int64_t move = part.moves[piece];
  const std::string text =
      fmt::format("(u64)({}{}) < (u64){}", part.base,
                  move == 0 ? std::string() : fmt::format(" + {}", move), parenthesized(limit));
  std::string& name = tests_[text];
  if (name.empty()) {
    name = out_.fresh("in");
    out_.line("const bool {} = {};", name, text);
  }
  return name;
}

std::string PackedPlaces::inside(std::int64_t piece) {
  const MemoryRoot& root = *view_.root;
  const std::size_t rank = root.rank();
  std::string all;
  for (std::size_t d = 0; d < rank; ++d) {
    if (!clipped(d)) continue;
    const std::string own =
        d + 2 < rank    ? test(leading_[d], piece,
                            root.global() ? root.extents[d] : fmt::format("{}", root.shape[d]))
           : d + 2 == rank ? test(k_, piece, atoms_k_)
                        : test(n_, piece, atoms_n_);
    all += all.empty() ? own : " && " + own;
  }
  return all;
}

std::optional<PieceMap> runs_of(const MemoryView& view, const layouts::RegisterLayout& layout) {
  const MemoryRoot& root = *view.root;
  const layouts::PackedAtom atom = *root.packed;
  const std::int64_t run = atom.encoding().elements(), words = atom.encoding().words();
  const std::size_t rank = root.rank(), kept = view.dims.size();
  if (layout.registers() % run != 0 || kept < 2 ||
      view.dims[kept - 1] != static_cast<int>(rank - 1) ||
      view.dims[kept - 2] != static_cast<int>(rank - 2)) {
    return std::nullopt;
  }
  const auto owner_of = [atom](const layouts::Index& at) {
    return atom.lanes().thread_and_register(
        {at[at.size() - 1] % atom.rows(), at[at.size() - 2] % atom.columns()});
  };
  for (std::int64_t t = 0; t < layout.threads(); ++t) {
    for (std::int64_t first = 0; first < layout.registers(); first += run) {
      const layouts::Owner begin = owner_of(layout.element(t, first));
      if (begin.reg % run != 0) return std::nullopt;
      for (std::int64_t i = 1; i < run; ++i) {
        if (owner_of(layout.element(t, first + i)) != layouts::Owner{begin.thread, begin.reg + i}) {
          return std::nullopt;
        }
      }
    }
  }
  PieceMap map;
  map.threads = layout.threads();
  map.pieces = layout.registers() / run * words;
  map.digits = digits_of(layout);
  const std::vector<int> dims = view.dims;
  map.piece = [=](std::int64_t thread, std::int64_t piece) {
    const layouts::Index at = layout.element(thread, piece / words * run);
    PackedPiece result;
    result.leading.assign(rank - 2, 0);
    for (std::size_t v = 0; v + 2 < kept; ++v) {
      result.leading[static_cast<std::size_t>(dims[v])] = at[v];
    }
    result.n_atom = at[kept - 1] / atom.rows();
    result.k_atom = at[kept - 2] / atom.columns();
    const layouts::Owner owner = owner_of(at);
    result.inner = owner.thread * 16;
    result.word = owner.reg / run * words + piece % words;
    return result;
  };
  return map;
}

namespace {

// Words that lie side by side, a power of two of them, at most `limit`.
std::int64_t words_together(const PieceMap& map, std::int64_t limit) {
  const auto good = [&](std::int64_t n) {
    if (map.pieces % n != 0) return false;
    for (std::int64_t p = 0; p < map.pieces; ++p) {
      const PackedPiece first = map.piece(0, p / n * n), own = map.piece(0, p);
      const bool same =
          first.n_atom == own.n_atom && first.k_atom == own.k_atom && first.leading == own.leading;
      if (!same || own.bytes() != first.bytes() + 4 * (p % n)) return false;
      for (std::int64_t t = 0; t < map.threads; ++t) {
        if (map.piece(t, p / n * n).bytes() % (4 * n) != 0) return false;
      }
    }
    return true;
  };
  std::int64_t n = 1;
  while (2 * n <= limit && good(2 * n)) n *= 2;
  return n;
}

std::string owner_of_tile(KernelWriter& out, const layouts::RegisterLayout& layout) {
  ThreadForm copies;
  std::int64_t divisor = layout.threads();
  for (const layouts::Digit& digit : layout.thread_digits()) {
    divisor /= digit.extent;
    if (digit.is_replicated()) copies.terms.push_back({{divisor, digit.extent}, 1});
  }
  return copies.terms.empty() ? "" : copies.text(out.strand().thread, layout.threads()) + " == 0";
}

}  // namespace

void load_packed(const vm::LoadOp& op, KernelWriter& out) {
  const MemoryView& view = out.view(op.source());
  const auto& layout = out.type(op.d()).layout;
  const auto runs = layout ? runs_of(view, *layout) : std::nullopt;
  if (!runs || op.mask() != vm::kNoValue) {
    return out.fail(*op, "packed tensors are read in whole runs of their encoding, without a mask");
  }
  PackedPlaces places(out, view, *runs, op->shape("clip"));
  if (!places.begin()) return out.fail(*op, "the threads' words lie in no regular order");
  const Register d = out.define(op.d());
  const std::int64_t together =
      words_together(*runs, std::max<std::int64_t>(op->integer("vector") / 4, 1));
  places.record(MemoryAccess::Kind::Load, together, 4);
  AccessKind kind{view.root->global() ? AccessKind::Space::Global : AccessKind::Space::Shared,
                  static_cast<int>(4 * together)};
  if (view.root->global()) kind.cache = op->word("cache");
  for (std::int64_t piece = 0; piece < runs->pieces; piece += together) {
    const std::string predicate = places.inside(piece);
    kind.predicated = !predicate.empty();
    std::vector<std::string> arguments;
    if (together > 1) {
      for (std::int64_t w = 0; w < together; ++w) arguments.push_back(d.word(piece + w));
    }
    arguments.push_back(places.address(piece));
    if (!predicate.empty()) arguments.push_back(predicate);
    out.line("{}{};", together > 1 ? "" : d.word(piece) + " = ",
             KernelWriter::invoke(out.prelude().load(kind), arguments));
  }
}

void store_packed(const vm::StoreOp& op, KernelWriter& out) {
  const MemoryView& view = out.view(op.target());
  const auto& layout = out.type(op.x()).layout;
  const auto runs = layout ? runs_of(view, *layout) : std::nullopt;
  if (!runs || op.mask() != vm::kNoValue) {
    return out.fail(*op,
                    "packed tensors are written in whole runs of their encoding, without a mask");
  }
  PackedPlaces places(out, view, *runs, op->shape("clip"));
  if (!places.begin()) return out.fail(*op, "the threads' words lie in no regular order");
  const Register& x = out.reg(op.x());
  const std::int64_t together =
      words_together(*runs, std::max<std::int64_t>(op->integer("vector") / 4, 1));
  places.record(MemoryAccess::Kind::Store, together, 4);
  AccessKind kind{view.root->global() ? AccessKind::Space::Global : AccessKind::Space::Shared,
                  static_cast<int>(4 * together)};
  if (view.root->global()) kind.cache = op->word("cache");
  const std::string owner = owner_of_tile(out, *layout);
  for (std::int64_t piece = 0; piece < runs->pieces; piece += together) {
    std::string predicate = places.inside(piece);
    if (!owner.empty()) predicate = predicate.empty() ? owner : owner + " && " + predicate;
    kind.predicated = !predicate.empty();
    std::vector<std::string> arguments{places.address(piece)};
    for (std::int64_t w = 0; w < together; ++w) arguments.push_back(x.word(piece + w));
    if (!predicate.empty()) arguments.push_back(predicate);
    out.line("{};", KernelWriter::invoke(out.prelude().store(kind), arguments));
  }
}

}  // namespace bitloom::codegen
