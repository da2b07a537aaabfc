// Regular expressions that cut a text into the words that BPE merges inside of.
//
// tokenizer.json gives the pattern (Oniguruma's dialect; \p classes, lookahead, inline flags),
// PCRE2 runs it in its Unicode mode. The work that one match may do is bounded, so that no pattern
// of a checkpoint can hang on a text: BL0632 then.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/result.h"

namespace bitloom::stack {

// The pattern of GPT-2, which a ByteLevel pre-tokenizer uses by itself.
extern const char* const kGpt2Pattern;

class SplitPattern {
 public:
  // BL0630 when it is no regular expression.
  static runtime::Result<SplitPattern> compile(const std::string& pattern);

  // The pieces, one behind the other: matches, and what lies between them. `text` is UTF-8.
  runtime::Result<std::vector<std::string_view>> split(std::string_view text) const;

 private:
  struct Code;
  explicit SplitPattern(std::shared_ptr<const Code> code) : code_(std::move(code)) {}
  std::shared_ptr<const Code> code_;
};

}  // namespace bitloom::stack
