// The cache of compiled kernels: one folder, one file an entry.
//
//   Cache cache(Cache::defaults());
//   const CacheKey key = …;                       // everything that the image depends on, as text
//   if (auto kernel = cache.find(key, diagnostics)) return *kernel;
//   cache.store(key, compile(…), diagnostics);
//
// An entry is named by a digest of its key and holds the whole key, which a reader compares: two
// keys of one digest are a miss, not a mix-up, so the digest (XXH3, 128 bits, from xxHash, header
// only) need be quick and not cryptographic. Behind the key come the kernel and a digest of all the
// bytes.
//
// **Any failure is a miss.** A file that is cut off, altered, of another version or of another
// program, a folder that cannot be made or written: the caller compiles, and one warning (BL0620,
// BL0621) says so the first time. Damaged entries are overwritten by what is compiled instead.
//
// **Any number of processes** may work in one folder. An entry is written beside its place and
// renamed into it, so a reader sees a whole entry or none; nobody waits for anybody. What two
// compile at once is the same, and one of them wins.
//
// Beside the entries lies the file `nvrtc`, which says what version the machine has
// (runtime/cuda/nvrtc_version.h).
//
// **Size.** After a store the entries that were not used for longest are removed until all are
// within nine tenths of the limit. A hit sets the time of its file.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/cache/compiled_kernel.h"
#include "vm/diagnostics.h"

namespace bitloom::runtime {

// Two equal keys mean equal images.
struct CacheKey {
  std::string program;  // the IR
  std::string options;  // of lowering and of NVRTC
  std::string target;   // "sm_90a"
  std::string nvrtc;    // its version
  std::string build;    // of Bitloom: build_id()

  std::string text() const;
};

// Changes whenever a source that lowers or prints kernels does.
std::string_view build_id();

class Cache {
 public:
  struct Options {
    std::string folder;             // empty: there is no cache
    std::uint64_t limit = 1 << 30;  // bytes; 0: nothing is kept
  };
  struct Stats {
    std::uint64_t entries = 0, bytes = 0;
  };
  struct Verification {
    std::uint64_t good = 0;
    std::vector<std::string> damaged;  // paths
  };

  // As the environment says; a limit that cannot be read is a warning.
  static Options defaults(vm::Diagnostics& diagnostics);

  explicit Cache(Options options) : options_(std::move(options)) {}

  const std::string& folder() const { return options_.folder; }
  std::uint64_t limit() const { return options_.limit; }

  std::optional<CompiledKernel> find(const CacheKey& key, vm::Diagnostics& diagnostics);
  void store(const CacheKey& key, const CompiledKernel& kernel, vm::Diagnostics& diagnostics);

  Stats stats() const;
  // Removes every entry and what broken-off writers left behind; how many entries.
  std::uint64_t clear();
  // Reads every entry, whole.
  Verification verify() const;
  void remove(const std::string& path);

 private:
  std::string path_of(std::string_view key) const;
  void prune();
  // One warning a cache: the second broken entry is no news.
  void warn(vm::Diagnostics& diagnostics, std::string_view code, std::string message,
            std::string hint);

  Options options_;
  std::atomic<bool> warned_ = false;
};

// "1048576", "512M", "1G"
std::optional<std::uint64_t> parse_bytes(std::string_view text);

// The file of an entry, and back; for tests and fuzzers.
std::vector<std::byte> encode_entry(std::string_view key, const CompiledKernel& kernel);
// The key of a sound entry and its kernel; nullopt for all other bytes.
struct Entry {
  std::string key;
  CompiledKernel kernel;
};
std::optional<Entry> decode_entry(std::span<const std::byte> bytes);

}  // namespace bitloom::runtime
