// Where the words of packed tensors lie: layouts/packed_atom.h as C++ expressions.
//
// Atoms lie row-major over (matrix, n / rows, k / columns), so the place of a word is
//
//   base + ((matrix * atoms_n + n_atom) * atoms_k + k_atom) * atom bytes + place in the atom
//
// with n_atom and k_atom sums of a run-time origin, the thread's digits and a constant a register.
#pragma once

#include <functional>
#include <map>

#include "codegen/cuda/kernel_writer.h"

namespace bitloom::codegen {

// One piece (a word, or 16 bytes) that a thread moves.
struct PackedPiece {
  layouts::Index leading;  // coordinates along the dimensions before (k, n), relative to the window
  std::int64_t n_atom = 0, k_atom = 0;  // relative to the window
  std::int64_t inner = 0;               // bytes into the atom: of the lane, and
  std::int64_t word = 0;                // of the lane's word: word / 4 * 512 + word % 4 * 4

  std::int64_t bytes() const { return inner + word / 4 * 512 + word % 4 * 4; }
};

struct PieceMap {
  std::int64_t threads = 1, pieces = 0;  // pieces a thread
  std::vector<ThreadDigit> digits;
  std::function<PackedPiece(std::int64_t thread, std::int64_t piece)> piece;
};

// Whether all parts of the pieces' places are sums of digits.
bool is_sum(const PieceMap& map);

class PackedPlaces {
 public:
  PackedPlaces(KernelWriter& out, const MemoryView& view, PieceMap map, const vm::Shape& clip);
  // False when the pieces are no sums of digits.
  bool begin();
  std::string address(std::int64_t piece);
  std::string inside(std::int64_t piece);  // empty: it is
  const PieceMap& map() const { return map_; }
  // Records accesses of `together` pieces of `bytes` each, by all threads.
  void record(MemoryAccess::Kind kind, std::int64_t together, std::int64_t bytes);

 private:
  struct Part {
    std::string base;                 // origin and thread's part, a variable
    std::vector<std::int64_t> moves;  // a piece
  };
  bool make_part(Part& part, const Offset* origin, std::int64_t divisor, std::string_view prefix,
                 const std::function<std::int64_t(const PackedPiece&)>& of);
  bool make_inner();
  bool clipped(std::size_t d) const;
  std::string test(const Part& part, std::int64_t piece, const std::string& limit);

  KernelWriter& out_;
  MemoryView view_;
  PieceMap map_;
  vm::Shape clip_;
  std::vector<Part> leading_;
  Part n_, k_, inner_;
  // Of words that are not spread in fours: the word's number, from which its place is computed.
  std::optional<Part> word_;
  std::string base_, atoms_n_, atoms_k_;
  std::map<std::string, std::string> tests_;
};

// The words of a register tile whose runs are taken as they lie; nullopt when they do not lie so.
std::optional<PieceMap> runs_of(const MemoryView& view, const layouts::RegisterLayout& layout);

}  // namespace bitloom::codegen
