// Places, packing and unpacking. The named encodings and their text are in encoding_names.cpp.
#include "layouts/encoding.h"

#include <algorithm>

#include "layouts/bit_string.h"
#include "layouts/encoding_rep.h"

namespace bitloom::layouts {

Encoding Encoding::from_places(std::string name, int bits, int words, std::vector<int> places) {
  auto rep = std::make_shared<Rep>();
  rep->name = std::move(name);
  rep->bits = bits;
  rep->words = words;
  rep->contents.assign(static_cast<std::size_t>(words) * 32, {-1, -1});
  const int elements = static_cast<int>(places.size()) / bits;
  for (int element = 0; element < elements; ++element) {
    rep->first_piece.push_back(static_cast<int>(rep->pieces.size()));
    for (int bit = 0; bit < bits; ++bit) {
      const int place = places[element * bits + bit];
      rep->contents[place] = {element, bit};
      const bool goes_on =
          bit > 0 && place % 32 != 0 && place == places[element * bits + bit - 1] + 1;
      if (goes_on) {
        ++rep->pieces.back().width;
      } else {
        rep->pieces.push_back({bit, 1, place / 32, place % 32});
      }
    }
  }
  rep->first_piece.push_back(static_cast<int>(rep->pieces.size()));
  rep->places = std::move(places);
  return Encoding(std::move(rep));
}

Encoding::Encoding() : Encoding(dense(8)) {}

Encoding Encoding::with_xor(std::uint64_t constant) const {
  Encoding result = *this;
  result.xor_ = constant & low_mask(bits());
  return result;
}

int Encoding::bits() const {
  return rep_->bits;
}
int Encoding::words() const {
  return rep_->words;
}
int Encoding::elements() const {
  return rep_->words * 32 / rep_->bits;
}

bool Encoding::is_dense() const {
  if (xor_ != 0) return false;
  for (std::size_t i = 0; i < rep_->places.size(); ++i)
    if (rep_->places[i] != static_cast<int>(i)) return false;
  return true;
}

int Encoding::place(int element, int bit) const {
  return rep_->places[element * bits() + bit];
}
std::pair<int, int> Encoding::element_and_bit(int place) const {
  return rep_->contents[place];
}

std::span<const Encoding::Piece> Encoding::pieces(int element) const {
  const int first = rep_->first_piece[element], end = rep_->first_piece[element + 1];
  return std::span(rep_->pieces).subspan(first, end - first);
}

bool Encoding::is_bijective() const {
  if (static_cast<int>(rep_->places.size()) != words() * 32) return false;
  for (int place = 0; place < words() * 32; ++place) {
    const auto [element, bit] = rep_->contents[place];
    if (element < 0 || this->place(element, bit) != place) return false;
  }
  return true;
}

std::uint64_t Encoding::get(std::span<const std::uint32_t> words, std::size_t element) const {
  const auto per_run = static_cast<std::size_t>(elements());
  const std::size_t run = element / per_run * static_cast<std::size_t>(this->words());
  std::uint64_t code = 0;
  for (const Piece& piece : pieces(static_cast<int>(element % per_run))) {
    const std::uint64_t part = words[run + piece.word] >> piece.bit & low_mask(piece.width);
    code |= part << piece.code_bit;
  }
  return code ^ xor_;
}

void Encoding::set(std::span<std::uint32_t> words, std::size_t element, std::uint64_t code) const {
  const auto per_run = static_cast<std::size_t>(elements());
  const std::size_t run = element / per_run * static_cast<std::size_t>(this->words());
  code ^= xor_;
  for (const Piece& piece : pieces(static_cast<int>(element % per_run))) {
    const auto mask = static_cast<std::uint32_t>(low_mask(piece.width));
    std::uint32_t& word = words[run + piece.word];
    word = (word & ~(mask << piece.bit)) |
           (static_cast<std::uint32_t>(code >> piece.code_bit) & mask) << piece.bit;
  }
}

// Whole tensors go through these two, so they walk the pieces in order and divide nothing.
template <typename Code>
void Encoding::pack_runs(std::span<const Code> codes, std::span<std::uint32_t> words) const {
  std::fill(words.begin(), words.end(), 0);
  const std::size_t per_run = static_cast<std::size_t>(elements());
  std::uint32_t* run = words.data();
  for (std::size_t first = 0; first < codes.size(); first += per_run, run += this->words()) {
    const Piece* piece = rep_->pieces.data();
    for (std::size_t element = 0; element < per_run; ++element) {
      const std::uint64_t code = codes[first + element] ^ xor_;
      const Piece* end = rep_->pieces.data() + rep_->first_piece[element + 1];
      for (; piece != end; ++piece)
        run[piece->word] |= static_cast<std::uint32_t>(
            (code >> piece->code_bit & low_mask(piece->width)) << piece->bit);
    }
  }
}

template <typename Code>
void Encoding::unpack_runs(std::span<const std::uint32_t> words, std::span<Code> codes) const {
  const std::size_t per_run = static_cast<std::size_t>(elements());
  const std::uint32_t* run = words.data();
  for (std::size_t first = 0; first < codes.size(); first += per_run, run += this->words()) {
    const Piece* piece = rep_->pieces.data();
    for (std::size_t element = 0; element < per_run; ++element) {
      std::uint64_t code = xor_;
      const Piece* end = rep_->pieces.data() + rep_->first_piece[element + 1];
      for (; piece != end; ++piece)
        code ^= (run[piece->word] >> piece->bit & low_mask(piece->width)) << piece->code_bit;
      codes[first + element] = static_cast<Code>(code);
    }
  }
}

void Encoding::pack(std::span<const std::uint64_t> codes, std::span<std::uint32_t> words) const {
  pack_runs(codes, words);
}
void Encoding::pack(std::span<const std::uint8_t> codes, std::span<std::uint32_t> words) const {
  pack_runs(codes, words);
}
void Encoding::unpack(std::span<const std::uint32_t> words, std::span<std::uint64_t> codes) const {
  unpack_runs(words, codes);
}
void Encoding::unpack(std::span<const std::uint32_t> words, std::span<std::uint8_t> codes) const {
  unpack_runs(words, codes);
}

bool operator==(const Encoding& a, const Encoding& b) {
  if (a.xor_ != b.xor_ || a.bits() != b.bits()) return false;
  if (a.rep_ == b.rep_) return true;
  // Runs of different lengths may repeat the same pattern; compare over the longer one.
  const Encoding& longer = a.words() >= b.words() ? a : b;
  const Encoding& shorter = a.words() >= b.words() ? b : a;
  if (longer.words() % shorter.words() != 0) return false;
  for (int element = 0; element < longer.elements(); ++element) {
    const int run = element / shorter.elements();
    for (int bit = 0; bit < a.bits(); ++bit)
      if (longer.place(element, bit) !=
          shorter.place(element % shorter.elements(), bit) + run * shorter.words() * 32)
        return false;
  }
  return true;
}

}  // namespace bitloom::layouts
