// The bytes of an entry: a mark with the version, the key, the kernel, a digest of all before it.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstring>

#include "runtime/cache/byte_stream.h"
#include "runtime/cache/cache.h"
#include "runtime/cache/digest.h"

namespace bitloom::runtime {
namespace {

constexpr std::string_view kMark = "BLCACHE1";

}  // namespace

Digest digest_of(std::span<const std::byte> bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return {hash.high64, hash.low64};
}

std::vector<std::byte> encode_entry(std::string_view key, const CompiledKernel& kernel) {
  ByteWriter out;
  out.text(kMark);
  out.text(key);
  out.block(serialize(kernel));
  const Digest digest = digest_of(out.bytes());
  out.number(digest.high);
  out.number(digest.low);
  return out.take();
}

std::optional<Entry> decode_entry(std::span<const std::byte> bytes) {
  ByteReader in(bytes);
  if (in.text() != kMark) return std::nullopt;
  const std::string_view key = in.text();
  const auto payload = in.block();
  if (!in.ok()) return std::nullopt;
  const Digest digest = digest_of(bytes.first(bytes.size() - in.rest().size()));
  if (in.number() != digest.high || in.number() != digest.low || !in.at_end()) return std::nullopt;
  auto kernel = deserialize(payload);
  if (!kernel) return std::nullopt;
  return Entry{std::string(key), std::move(*kernel)};
}

}  // namespace bitloom::runtime
