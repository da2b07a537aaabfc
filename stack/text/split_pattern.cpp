#include "stack/text/split_pattern.h"

#include <fmt/format.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace bitloom::stack {

using runtime::failure;
using runtime::Result;

const char* const kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

namespace {

// Ordinary patterns stay far below both on any text; a pattern that backtracks without end meets
// them in about a second.
constexpr std::uint32_t kMatchLimit = 10'000'000, kDepthLimit = 100'000;
constexpr std::uint32_t kHeapLimitKiB = 256 * 1024;
constexpr std::size_t kLongestPattern = 64 * 1024;

std::string message_of(int error) {
  PCRE2_UCHAR text[256] = {};
  pcre2_get_error_message(error, text, sizeof text);
  return reinterpret_cast<const char*>(text);
}

}  // namespace

struct SplitPattern::Code {
  pcre2_code* code = nullptr;
  pcre2_match_context* context = nullptr;

  Code() = default;
  Code(const Code&) = delete;
  Code& operator=(const Code&) = delete;
  ~Code() {
    pcre2_match_context_free(context);
    pcre2_code_free(code);
  }
};

Result<SplitPattern> SplitPattern::compile(const std::string& pattern) {
  if (pattern.size() > kLongestPattern)
    return failure("BL0630", fmt::format("the split pattern has {} bytes, where {} are allowed",
                                         pattern.size(), kLongestPattern));
  auto code = std::make_shared<Code>();
  int error = 0;
  PCRE2_SIZE place = 0;
  code->code =
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                    PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &error, &place, nullptr);
  if (!code->code)
    return failure("BL0630",
                   fmt::format("the split pattern is no regular expression: {} at byte {}",
                               message_of(error), place));
  code->context = pcre2_match_context_create(nullptr);
  if (!code->context) return failure("BL0903", "there is not enough memory for a split pattern");
  pcre2_set_match_limit(code->context, kMatchLimit);
  pcre2_set_depth_limit(code->context, kDepthLimit);
  pcre2_set_heap_limit(code->context, kHeapLimitKiB);
  return SplitPattern(std::move(code));
}

Result<std::vector<std::string_view>> SplitPattern::split(std::string_view text) const {
  const std::unique_ptr<pcre2_match_data, void (*)(pcre2_match_data*)> match(
      pcre2_match_data_create_from_pattern(code_->code, nullptr), pcre2_match_data_free);
  if (!match) return failure("BL0903", "there is not enough memory to split a text");
  std::vector<std::string_view> pieces;
  std::size_t done = 0, from = 0;
  std::uint32_t flags = 0;
  while (from <= text.size()) {
    const int found =
        pcre2_match(code_->code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from,
                    flags | PCRE2_NOTEMPTY, match.get(), code_->context);
    if (found == PCRE2_ERROR_NOMATCH) break;
    if (found < 0)
      return failure("BL0632", fmt::format("the text cannot be split at byte {}: {}", from,
                                           message_of(found)));
    flags = PCRE2_NO_UTF_CHECK;  // the whole text was looked at by the first match
    const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(match.get());
    // \K can put the beginning of a match behind its end, or before what was taken already.
    if (ends[0] < done || ends[1] <= ends[0])
      return failure("BL0632", fmt::format("the pattern goes backwards at byte {}", from));
    if (ends[0] > done) pieces.push_back(text.substr(done, ends[0] - done));
    pieces.push_back(text.substr(ends[0], ends[1] - ends[0]));
    done = from = ends[1];
  }
  if (done < text.size()) pieces.push_back(text.substr(done));
  return pieces;
}

}  // namespace bitloom::stack
