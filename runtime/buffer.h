// Bytes in the memory of a GPU.
//
//   Result<Buffer> buffer = Buffer::allocate(device, 1 << 20);
//   buffer->upload(bytes, stream);          // copies between the host and the GPU are ordered with
//   buffer->download(bytes, stream);        // what else is in the stream; they wait for it
//
// A Buffer is a handle: copies are the same memory, and the last one that goes frees it. Nothing
// waits then, so a buffer must outlive what is launched on it.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "runtime/stream.h"

namespace bitloom::runtime {

class Buffer {
 public:
  // Begins at a multiple of 256 bytes. Nothing is written; 0 bytes are allowed.
  static Result<Buffer> allocate(const Device& device, std::size_t bytes);
  // Memory of somebody else, for as long as `owner` lives.
  static Buffer borrow(const Device& device, void* address, std::size_t bytes,
                       std::shared_ptr<void> owner = nullptr);

  const Device& device() const { return device_; }
  void* address() const { return memory_.get(); }
  std::size_t bytes() const { return bytes_; }

  // Both wait until the copy is done. `from` and `into` are not longer than the buffer.
  Result<void> upload(std::span<const std::byte> from, const Stream& stream) const;
  Result<void> download(std::span<std::byte> into, const Stream& stream) const;
  // All bytes, into a buffer of at least as many, which may lie on another GPU; waits.
  Result<void> copy_to(const Buffer& other, const Stream& stream) const;
  // Does not wait.
  Result<void> fill(std::byte value, const Stream& stream) const;

 private:
  Buffer(Device device, std::shared_ptr<void> memory, std::size_t bytes)
      : device_(std::move(device)), memory_(std::move(memory)), bytes_(bytes) {}
  Device device_;
  std::shared_ptr<void> memory_;
  std::size_t bytes_ = 0;
};

}  // namespace bitloom::runtime
