#include "tests/fuzz/word_mutation.h"

#include <array>
#include <cctype>
#include <random>
#include <vector>

namespace bitloom::test {
namespace {

// Words and signs that lead somewhere; the corpus has the rest.
constexpr std::array kWords = {
    "f32",      "f16",      "i32",     "u4",        "i8",          "u32",     "bool",
    "bf16",     "e4m3",     "block.x", "let",       "var",         "for",     "while",
    "if",       "else",     "break",   "continue",  "return",      "dot",     "cast<f16>",
    "sum",      "max",      "reshape", "transpose", "broadcast",   "iota",    "expand",
    "select",   "gather",   "zeros",   "full",      "sync()",      "shared",  "global",
    "packed",   "explicit", "warps",   "roles",     "pipeline<2>", "load",    "clip",
    "ref",      "+:",       "..",      "<-",        "=",           "+",       "*",
    "/",        "%",        "<",       "==",        "&&",          "!",       "(",
    ")",        "[",        "]",       "{",         "}",           ",",       ":",
    "-",        "where",    "grid",    "threads",   "unroll",      "step",    "in",
    "topk",     "scan_sum", "argmax",  "bits",      "view<u8>",    "dim = 0", "dim = 1",
    "mask = m", "-inf",     "0.5"};
constexpr std::array kNumbers = {"0",   "1",   "2",    "3",     "4",          "7",
                                 "8",   "16",  "31",   "32",    "64",         "127",
                                 "128", "256", "1024", "65536", "2147483647", "-1"};

class Words {
 public:
  Words(std::string_view text, std::uint64_t seed) : random_(seed) {
    for (std::size_t at = 0; at < text.size();) {
      std::size_t end = at + 1;
      const auto kind = [&](std::size_t i) {
        const auto c = static_cast<unsigned char>(text[i]);
        return std::isalnum(c) || c == '_' || c == '.' ? 1 : std::isspace(c) ? 2 : 0;
      };
      while (end < text.size() && kind(at) != 0 && kind(end) == kind(at) && text[at] != '\n') ++end;
      words_.emplace_back(text.substr(at, end - at));
      at = end;
    }
  }

  void change() {
    if (words_.empty()) words_.emplace_back();
    const std::size_t at = solid();
    switch (below(8)) {
      case 0:
        words_[at] = kWords[below(kWords.size())];
        break;
      case 1:
      case 2:
        words_[number(at)] = kNumbers[below(kNumbers.size())];
        break;
      case 3:
        words_[at] = std::string(words_[solid()]);
        break;
      case 4:
        words_[at].clear();
        break;
      case 5:
        words_[at] += " " + words_[solid()];
        break;
      default:
        change_lines();
    }
  }

  std::string text() const {
    std::string all;
    for (const std::string& word : words_) all += word;
    return all;
  }

 private:
  std::size_t below(std::size_t n) { return n == 0 ? 0 : random_() % n; }
  // A word that is no blank, if one is met soon.
  std::size_t solid() {
    std::size_t at = below(words_.size());
    for (int tries = 0; tries < 8 && is_blank(words_[at]); ++tries) at = below(words_.size());
    return at;
  }
  std::size_t number(std::size_t otherwise) {
    for (int tries = 0; tries < 64; ++tries) {
      const std::size_t at = below(words_.size());
      if (!words_[at].empty() && std::isdigit(static_cast<unsigned char>(words_[at][0]))) return at;
    }
    return otherwise;
  }
  static bool is_blank(const std::string& word) {
    return word.empty() || std::isspace(static_cast<unsigned char>(word[0]));
  }

  void change_lines() {
    std::vector<std::string> lines = {""};
    for (const std::string& word : words_) {
      lines.back() += word;
      if (!word.empty() && word.back() == '\n') lines.emplace_back();
    }
    const std::size_t a = below(lines.size()), b = below(lines.size());
    switch (below(3)) {
      case 0:
        std::swap(lines[a], lines[b]);
        break;
      case 1:
        lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(b), std::string(lines[a]));
        break;
      default:
        lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(a));
    }
    words_ = std::move(lines);
  }

  std::vector<std::string> words_;
  std::mt19937_64 random_;
};

}  // namespace

std::string mutate_words(std::string_view text, std::uint64_t seed) {
  Words words(text, seed);
  for (std::uint64_t changes = 1 + seed % 3; changes > 0; --changes) words.change();
  return words.text();
}

}  // namespace bitloom::test
