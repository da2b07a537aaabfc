// What a compiler should print for kernels/gemm/gemm_wgmma.bl with W = u4, G = 128, T = 128, S = 4,
// by hand.
//
// What the hand had to know, beside what stands in gemm_stream.cu:
//   - `swizzle(128)` panels and the descriptor that follows: K-major, stride 1024 bytes between
//     8-row groups, +32 bytes a k16 step
//   - a bulk copy's bytes and the barrier's expectation come from the same shape: bytes(…) is a
//     constant
//   - copy_* and expect are issued by one thread of the strand, waits by all; arrive is one arrival
//     a strand, after a barrier of the strand (every thread must be done with the stage)
//   - `t % S` and `t / S % 2` become a stage counter and a parity bit carried round the loop
//   - even and odd are register operands of products in flight: they are written only after the
//     dot_wait that the text has, and that wait must not be moved over the conversion: the asm
//     volatile with a memory clobber keeps it
//   - transpose(cast<f16>(acc)) into `out`: stmatrix.trans is the quick way; plain 2-byte stores
//     are what this text prints
typedef unsigned int u32;
typedef unsigned long long u64;
typedef unsigned short u16;
struct alignas(64) tensor_map {
  u64 opaque[16];
};
#define DI static __device__ __forceinline__
DI u32 shared_address(const void* p) {
  return (u32)__cvta_generic_to_shared(p);
}
DI void mbarrier_init(u32 b, u32 n) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0],%1;" ::"r"(b), "r"(n) : "memory");
}
DI void mbarrier_expect(u32 b, u32 n) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _,[%0],%1;" ::"r"(b), "r"(n) : "memory");
}
DI void mbarrier_arrive(u32 b) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _,[%0];" ::"r"(b) : "memory");
}
DI void mbarrier_wait(u32 b, u32 parity) {
  asm volatile(
      "{\n.reg .pred p;\nBL_WAIT: mbarrier.try_wait.parity.shared::cta.b64 p,[%0],%1;\n@p bra.uni "
      "BL_DONE;\nbra.uni BL_WAIT;\nBL_DONE:\n}" ::"r"(b),
      "r"(parity)
      : "memory");
}
DI void copy_tensor_2d(u32 to, const tensor_map* map, int x, int y, u32 b) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes "
      "[%0],[%1,{%2,%3}],[%4];" ::"r"(to),
      "l"(map), "r"(x), "r"(y), "r"(b)
      : "memory");
}
DI void copy_bulk(u32 to, const void* from, u32 n, u32 b) {
  asm volatile(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0],[%1],%2,[%3];" ::"r"(
          to),
      "l"(from), "r"(n), "r"(b)
      : "memory");
}
DI void store_tensor_2d(const tensor_map* map, int x, int y, u32 from) {
  asm volatile(
      "cp.async.bulk.tensor.2d.global.shared::cta.bulk_group [%0,{%1,%2}],[%3];" ::"l"(map), "r"(x),
      "r"(y), "r"(from)
      : "memory");
}
DI void ld_shared_v4(u32 p, u32 (&v)[4]) {
  asm volatile("ld.shared.v4.u32 {%0,%1,%2,%3},[%4];"
               : "=r"(v[0]), "=r"(v[1]), "=r"(v[2]), "=r"(v[3])
               : "r"(p));
}
DI u32 ld_shared_u16(u32 p) {
  u16 v;
  asm volatile("ld.shared.u16 %0,[%1];" : "=h"(v) : "r"(p));
  return v;
}
DI void st_shared_f16(u32 p, float x) {
  asm volatile("{.reg .b16 h; cvt.rn.f16.f32 h,%1; st.shared.b16 [%0],h;}" ::"r"(p), "f"(x)
               : "memory");
}
DI u32 lop3_and_or(u32 a, u32 mask, u32 magic) {
  u32 r;
  asm("lop3.b32 %0,%1,%2,%3,0xea;" : "=r"(r) : "r"(a), "r"(mask), "r"(magic));
  return r;
}
DI u32 sub_f16x2(u32 a, u32 b) {
  u32 r;
  asm("sub.rn.f16x2 %0,%1,%2;" : "=r"(r) : "r"(a), "r"(b));
  return r;
}
DI u32 mul_f16x2(u32 a, u32 b) {
  u32 r;
  asm("mul.rn.f16x2 %0,%1,%2;" : "=r"(r) : "r"(a), "r"(b));
  return r;
}
DI u32 fma_f16x2(u32 a, u32 b, u32 c) {
  u32 r;
  asm("fma.rn.f16x2 %0,%1,%2,%3;" : "=r"(r) : "r"(a), "r"(b), "r"(c));
  return r;
}
DI void codes_to_f16(u32 q, u32 (&a)[4]) {
  a[0] = sub_f16x2(lop3_and_or(q, 0x000f000f, 0x64006400), 0x64006400);
  a[1] = fma_f16x2(lop3_and_or(q, 0x00f000f0, 0x64006400), 0x2c002c00, 0xd400d400);
  q >>= 8;
  a[2] = sub_f16x2(lop3_and_or(q, 0x000f000f, 0x64006400), 0x64006400);
  a[3] = fma_f16x2(lop3_and_or(q, 0x00f000f0, 0x64006400), 0x2c002c00, 0xd400d400);
}
DI void wgmma_fence() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
DI void wgmma_commit() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
template <int N>
DI void wgmma_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(N) : "memory");
}
DI void wgmma_m64n128k16(float (&c)[64], const u32 (&a)[4], u64 b) {
  asm volatile(
      "wgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16 "
      "{%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%"
      "25,%26,%27,%28,%29,%30,%31,%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,%"
      "48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63},{%64,%65,%66,%67},%68,1,1,1,"
      "0;"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]), "+f"(c[4]), "+f"(c[5]), "+f"(c[6]),
        "+f"(c[7]), "+f"(c[8]), "+f"(c[9]), "+f"(c[10]), "+f"(c[11]), "+f"(c[12]), "+f"(c[13]),
        "+f"(c[14]), "+f"(c[15]), "+f"(c[16]), "+f"(c[17]), "+f"(c[18]), "+f"(c[19]), "+f"(c[20]),
        "+f"(c[21]), "+f"(c[22]), "+f"(c[23]), "+f"(c[24]), "+f"(c[25]), "+f"(c[26]), "+f"(c[27]),
        "+f"(c[28]), "+f"(c[29]), "+f"(c[30]), "+f"(c[31]), "+f"(c[32]), "+f"(c[33]), "+f"(c[34]),
        "+f"(c[35]), "+f"(c[36]), "+f"(c[37]), "+f"(c[38]), "+f"(c[39]), "+f"(c[40]), "+f"(c[41]),
        "+f"(c[42]), "+f"(c[43]), "+f"(c[44]), "+f"(c[45]), "+f"(c[46]), "+f"(c[47]), "+f"(c[48]),
        "+f"(c[49]), "+f"(c[50]), "+f"(c[51]), "+f"(c[52]), "+f"(c[53]), "+f"(c[54]), "+f"(c[55]),
        "+f"(c[56]), "+f"(c[57]), "+f"(c[58]), "+f"(c[59]), "+f"(c[60]), "+f"(c[61]), "+f"(c[62]),
        "+f"(c[63])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}

constexpr int G = 128, T = 128, S = 4;
constexpr int kTokens = 0, kCodes = kTokens + S * T * 128, kScales = kCodes + S * 8192,
              kOut = kScales + S * 512, kFull = kOut + 2 * T * 256, kEmpty = kFull + S * 8;

// weights(codes[s, :, column +: 128], scales[s, column +: 128])
DI void weights(u32 sm, int s, int consumer, int warp, int lane, u32 (&a)[4][2][4]) {
#pragma unroll
  for (int j = 0; j < 2; j++) {
    u32 q[4];
    ld_shared_v4(sm + kCodes + s * 8192 + (consumer * 2 + j) * 2048 + warp * 512 + lane * 16, q);
    const u32 at = sm + kScales + s * 512 + (consumer * 128 + j * 64 + warp * 16 + (lane >> 2)) * 2;
    const u32 s0 = ld_shared_u16(at) * 0x10001u, s1 = ld_shared_u16(at + 16) * 0x10001u;
#pragma unroll
    for (int k = 0; k < 4; k++) {
      u32 f[4];
      codes_to_f16(q[k], f);
      a[k][j][0] = mul_f16x2(f[0], s0);
      a[k][j][1] = mul_f16x2(f[1], s1);
      a[k][j][2] = mul_f16x2(f[2], s0);
      a[k][j][3] = mul_f16x2(f[3], s1);
    }
  }
}
DI void product(float (&acc)[2][64], const u32 (&a)[4][2][4], u64 tokens) {
  wgmma_fence();
#pragma unroll
  for (int k = 0; k < 4; k++)
#pragma unroll
    for (int j = 0; j < 2; j++) wgmma_m64n128k16(acc[j], a[k][j], tokens + k * 2);
  wgmma_commit();
}

extern "C" __global__ void __launch_bounds__(384, 1)
    gemm_wgmma(const __grid_constant__ tensor_map a_map, const __grid_constant__ tensor_map c_map,
               const unsigned char* __restrict__ w, const unsigned char* __restrict__ scale, int m,
               int k, int n) {
  extern __shared__ __align__(1024) unsigned char shared[];
  const u32 sm = shared_address(shared);
  const int n0 = blockIdx.x * 256, m0 = blockIdx.y * T, steps = k / 64;
  if (threadIdx.x == 0) {
    for (int i = 0; i < S; i++) {
      mbarrier_init(sm + kFull + i * 8, 1);
      mbarrier_init(sm + kEmpty + i * 8, 2);
    }
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  }
  __syncthreads();
  const int wg = __shfl_sync(~0u, threadIdx.x >> 7, 0);
  if (wg == 0) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 56;");
    int s = 0;
    u32 parity = 1;
    for (int t = 0; t < steps; t++) {
      mbarrier_wait(sm + kEmpty + s * 8, parity);
      if (threadIdx.x == 0) {
        const u32 full = sm + kFull + s * 8;
        mbarrier_expect(full, T * 128 + 8192 + 512);
#pragma unroll
        for (int j = 0; j < 4; j++)
          copy_bulk(sm + kCodes + s * 8192 + j * 2048,
                    w + ((u64)(n0 / 64 + j) * (k / 64) + t) * 2048, 2048, full);
        copy_bulk(sm + kScales + s * 512, scale + ((u64)(t * 64 / G) * n + n0) * 2, 512, full);
        copy_tensor_2d(sm + kTokens + s * T * 128, &a_map, t * 64, m0, full);
      }
      if (++s == S) s = 0, parity ^= 1;
    }
  } else {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 224;");
    const int index = wg - 1, tid = threadIdx.x & 127, warp = tid >> 5, lane = tid & 31;
    const u64 tokens = (u64)((sm + kTokens) >> 4) | (u64)1 << 16 | (u64)64 << 32 | (u64)1 << 62;
    float acc[2][64];
#pragma unroll
    for (int j = 0; j < 2; j++)
#pragma unroll
      for (int i = 0; i < 64; i++) acc[j][i] = 0.f;
    u32 even[4][2][4], odd[4][2][4];
    auto arrive = [&](int s) {
      asm volatile("bar.sync %0,128;" ::"r"(1 + index) : "memory");
      if (tid == 0) mbarrier_arrive(sm + kEmpty + s * 8);
    };
    mbarrier_wait(sm + kFull, 0);
    weights(sm, 0, index, warp, lane, even);
    int s0 = 0;
    u32 parity = 0;
    for (int t = 0; t < steps; t += 2) {
      const int s1 = s0 + 1;  // S is even: a pair of stages never wraps inside
      product(acc, even, tokens + s0 * (T * 8));
      mbarrier_wait(sm + kFull + s1 * 8, parity);
      wgmma_wait<1>();
      if (t > 0) arrive(s0 == 0 ? S - 1 : s0 - 1);
      weights(sm, s1, index, warp, lane, odd);
      product(acc, odd, tokens + s1 * (T * 8));
      int s2 = s0 + 2;
      if (s2 == S) s2 = 0, parity ^= 1;
      if (t + 2 < steps) {
        mbarrier_wait(sm + kFull + s2 * 8, parity);
        wgmma_wait<1>();
        arrive(s0);
        weights(sm, s2, index, warp, lane, even);
      }
      s0 = s2;
    }
    wgmma_wait<0>();
#pragma unroll
    for (int j = 0; j < 2; j++)
#pragma unroll
      for (int i = 0; i < 64; i++) {
        const int row = j * 64 + warp * 16 + (lane >> 2) + (i >> 1 & 1) * 8,
                  token = (i >> 2) * 8 + (lane & 3) * 2 + (i & 1);
        st_shared_f16(sm + kOut + index * (T * 256) + token * 256 + row * 2, acc[j][i]);
      }
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
    asm volatile("bar.sync %0,128;" ::"r"(1 + index) : "memory");
    if (tid == 0) {
      store_tensor_2d(&c_map, n0 + index * 128, m0, sm + kOut + index * (T * 256));
      asm volatile("cp.async.bulk.commit_group;" ::: "memory");
      asm volatile("cp.async.bulk.wait_group.read 0;" ::: "memory");
    }
  }
}
