// Any bytes as a tokenizer.json, and the bytes behind a NUL as a text for it: tokens whose bytes
// are the text's, or a diagnostic.
#include <cstdint>
#include <string_view>

#include "stack/text/tokenizer.h"
#include "tests/fuzz/require.h"

using namespace bitloom::stack;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t cut = std::min(input.find('\0'), input.size());
  const auto tokenizer = Tokenizer::from_json(input.substr(0, cut), "input");
  if (!tokenizer) {
    BITLOOM_FUZZ_REQUIRE(tokenizer.error().code.starts_with("BL06"));
    BITLOOM_FUZZ_REQUIRE(!tokenizer.error().message.empty());
    return 0;
  }
  const std::string_view text = cut < size ? input.substr(cut + 1) : "the text of an input";
  const auto ids = tokenizer->encode(text);
  if (!ids) {
    BITLOOM_FUZZ_REQUIRE(ids.error().code.starts_with("BL06"));
    return 0;
  }
  std::size_t bytes = 0;
  for (const TokenId id : *ids) {
    BITLOOM_FUZZ_REQUIRE(id >= 0 && static_cast<std::size_t>(id) < tokenizer->size());
    bytes += tokenizer->bytes_of(id).size();
  }
  // Merges name tokens of any bytes a file likes, so nothing more holds of all files.
  BITLOOM_FUZZ_REQUIRE(tokenizer->decode(*ids).size() <= 3 * bytes);
  return 0;
}
