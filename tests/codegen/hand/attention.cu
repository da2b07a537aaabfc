// What a compiler should print for kernels/attention/attention.bl with T = f16, D = 128, S = 5, by
// hand.
//
// What the hand had to know, beside what stands in gemm_stream.cu and gemm_wgmma.cu:
//   - a tile of 256-byte rows in swizzle(128) is two panels of 64 columns: one tensor copy of a 3-D
//     box a panel
//   - ref ring[vs] as operand B of P·V is [keys, D]: MN-major with the transpose bit, panels 16 KB
//     apart, 2048 bytes each 16 keys; transpose(ref ring[ks]) of Q·Kᵀ is K-major, 32 bytes each k16
//     step and the second panel behind the first
//   - `s`, `out`, `even`, `odd` live in the registers of products in flight; `s` is touched only
//     after dot_wait<1>
//   - `moved` must be a vote, and `mask` a value that a whole warp agrees on: as a branch of the
//     strand they stay branches and the assembler cannot move the wait for P·V above the
//     exponentials. Every branch of a strand around products is printed as a vote: without it ptxas
//     reports serialised products (C7518)
//   - the first tile of an item stands alone: products in flight on one way into a join and not on
//     the other are serialised (C7515)
//   - rows of s: lane / 4 and lane / 4 + 8; sums and maxima along a row cross the four lanes of a
//     quad only
typedef unsigned int u32;
typedef unsigned long long u64;
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
DI void copy_tensor_3d(u32 to, const tensor_map* map, int x, int y, int z, u32 b) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes "
      "[%0],[%1,{%2,%3,%4}],[%5];" ::"r"(to),
      "l"(map), "r"(x), "r"(y), "r"(z), "r"(b)
      : "memory");
}
DI void store_tensor_3d(const tensor_map* map, int x, int y, int z, u32 from) {
  asm volatile(
      "cp.async.bulk.tensor.3d.global.shared::cta.bulk_group [%0,{%1,%2,%3}],[%4];" ::"l"(map),
      "r"(x), "r"(y), "r"(z), "r"(from)
      : "memory");
}
DI int ld_shared_i32(u32 p) {
  int v;
  asm volatile("ld.shared.s32 %0,[%1];" : "=r"(v) : "r"(p));
  return v;
}
DI void st_shared_i32(u32 p, int v) {
  asm volatile("st.shared.s32 [%0],%1;" ::"r"(p), "r"(v) : "memory");
}
DI void st_shared_u32(u32 p, u32 v) {
  asm volatile("st.shared.u32 [%0],%1;" ::"r"(p), "r"(v) : "memory");
}
DI u32 atom_add_gpu(u32* p, u32 x) {
  u32 r;
  asm volatile("atom.relaxed.gpu.global.add.u32 %0,[%1],%2;" : "=r"(r) : "l"(p), "r"(x) : "memory");
  return r;
}
DI u32 atom_add_acq_rel_gpu(u32* p, u32 x) {
  u32 r;
  asm volatile("atom.acq_rel.gpu.global.add.u32 %0,[%1],%2;" : "=r"(r) : "l"(p), "r"(x) : "memory");
  return r;
}
DI void st_release_gpu(u32* p, u32 x) {
  asm volatile("st.release.gpu.global.u32 [%0],%1;" ::"l"(p), "r"(x) : "memory");
}
DI float ex2_approx(float x) {
  float y;
  asm("ex2.approx.f32 %0,%1;" : "=f"(y) : "f"(x));
  return y;
}
DI float lg2_approx(float x) {
  float y;
  asm("lg2.approx.f32 %0,%1;" : "=f"(y) : "f"(x));
  return y;
}
DI float rcp_approx(float x) {
  float y;
  asm("rcp.approx.f32 %0,%1;" : "=f"(y) : "f"(x));
  return y;
}
DI float max_f32(float a, float b) {
  float y;
  asm("max.f32 %0,%1,%2;" : "=f"(y) : "f"(a), "f"(b));
  return y;
}
DI u32 cvt_f16x2(float lo, float hi) {
  u32 r;
  asm("cvt.rn.f16x2.f32 %0,%1,%2;" : "=r"(r) : "f"(hi), "f"(lo));
  return r;
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
template <int N>
DI void touch(float (&x)[N]) {
#pragma unroll
  for (int i = 0; i < N; i++) asm volatile("" : "+f"(x[i])::"memory");
}
template <int N>
DI void touch(u32 (&x)[N]) {
#pragma unroll
  for (int i = 0; i < N; i++) asm volatile("" : "+r"(x[i])::"memory");
}
template <int Accumulate>
DI void wgmma_ss(float (&c)[64], u64 a, u64 b) {
  asm volatile(
      "{\n.reg .pred p;\nsetp.ne.b32 p,%66,0;\nwgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16 "
      "{%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%"
      "25,%26,%27,%28,%29,%30,%31,%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,%"
      "48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63},%64,%65,p,1,1,0,0;\n}"
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
      : "l"(a), "l"(b), "n"(Accumulate));
}
DI void wgmma_rs_transposed(float (&c)[64], u32 a0, u32 a1, u32 a2, u32 a3, u64 b) {
  asm volatile(
      "wgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16 "
      "{%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%"
      "25,%26,%27,%28,%29,%30,%31,%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,%"
      "48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63},{%64,%65,%66,%67},%68,1,1,1,"
      "1;"
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
      : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "l"(b));
}
DI u64 k_major(u32 a) {
  return (u64)((a & 0x3ffff) >> 4) | (u64)1 << 16 | (u64)64 << 32 | (u64)1 << 62;
}
DI u64 mn_major(u32 a) {
  return (u64)((a & 0x3ffff) >> 4) | (u64)1024 << 16 | (u64)64 << 32 | (u64)1 << 62;
}

constexpr int D = 128, S = 5, kTile = 128 * D * 2, kPanel = 128 * 128;
constexpr int kQ = 0, kRing = kQ + kTile, kClass = kRing + S * kTile, kWork = kClass + 32,
              kFull = kWork + 32, kEmpty = kFull + S * 8, kQFull = kEmpty + S * 8,
              kQEmpty = kQFull + 8;

struct Consumer {
  float s[64], out[64];
  u32 even[32], odd[32];
  float top[2], total[2], shrink[2], factor;
  int slot = 0;
  u32 parity = 0;
};

DI void advance(int& slot, u32& parity) {
  if (++slot == S) slot = 0, parity ^= 1;
}
DI void push(u32 sm, int& slot, u32& parity, const tensor_map* map, int row, int head, int mask) {
  mbarrier_wait(sm + kEmpty + slot * 8, parity);
  if (threadIdx.x == 0) {
    st_shared_i32(sm + kClass + slot * 4, mask);
    mbarrier_expect(sm + kFull + slot * 8, kTile);
#pragma unroll
    for (int p = 0; p < 2; p++)
      copy_tensor_3d(sm + kRing + slot * kTile + p * kPanel, map, p * 64, row, head,
                     sm + kFull + slot * 8);
  }
  advance(slot, parity);
}
// arrive(b): one arrival for the strand, when all its threads are there
DI void arrive(u32 b, int index) {
  asm volatile("bar.sync %0,128;" ::"r"(1 + index) : "memory");
  if ((threadIdx.x & 127) == 0) mbarrier_arrive(b);
}
// all(part <= 256) of the strand
DI bool all_of_strand(bool x, int index) {
  u32 r;
  asm volatile(
      "{.reg .pred p,q; setp.ne.u32 p,%1,0; barrier.red.and.pred q,%2,128,p; selp.u32 %0,1,0,q;}"
      : "=r"(r)
      : "r"((u32)x), "r"(1 + index)
      : "memory");
  return r != 0;
}
// A branch of the strand: the vote tells the assembler that the warp goes one way.
DI bool uniform(bool x) {
  return __any_sync(~0u, x);
}
DI float quad_sum(float x) {
  x += __shfl_xor_sync(~0u, x, 1);
  return x + __shfl_xor_sync(~0u, x, 2);
}
DI float quad_max(float x) {
  x = max_f32(x, __shfl_xor_sync(~0u, x, 1));
  return max_f32(x, __shfl_xor_sync(~0u, x, 2));
}
// e = 2^(x - reference) in half precision, and its sums along the rows
DI void exponentials(const Consumer& c, float r0, float r1, u32 (&p)[32], float (&part)[2]) {
  part[0] = part[1] = 0.f;
#pragma unroll
  for (int i = 0; i < 16; i++) {
    const float e0 = ex2_approx(c.s[4 * i] * c.factor - r0),
                e1 = ex2_approx(c.s[4 * i + 1] * c.factor - r0);
    const float e2 = ex2_approx(c.s[4 * i + 2] * c.factor - r1),
                e3 = ex2_approx(c.s[4 * i + 3] * c.factor - r1);
    part[0] += e0 + e1;
    part[1] += e2 + e3;
    p[2 * i] = cvt_f16x2(e0, e1);
    p[2 * i + 1] = cvt_f16x2(e2, e3);
  }
  part[0] = quad_sum(part[0]);
  part[1] = quad_sum(part[1]);
}
DI void values(Consumer& c, u32 (&p)[32], u32 tile) {
  touch(c.out);
  touch(p);
  wgmma_fence();
#pragma unroll
  for (int i = 0; i < 8; i++)
    wgmma_rs_transposed(c.out, p[4 * i], p[4 * i + 1], p[4 * i + 2], p[4 * i + 3],
                        mn_major(tile) + i * 128);
  wgmma_commit();
}
template <bool First>
DI void step(Consumer& c, u32 sm, int index, u32 (&last)[32], u32 (&next)[32], int row, int column,
             int columns) {
  const int ks = c.slot;
  mbarrier_wait(sm + kFull + ks * 8, c.parity);
  const int mask = ld_shared_i32(sm + kClass + ks * 4);
  const u64 q = k_major(sm + kQ + index * 64 * 128), key = k_major(sm + kRing + ks * kTile);
  touch(c.s);
  wgmma_fence();
  wgmma_ss<0>(c.s, q, key);
#pragma unroll
  for (int i = 1; i < 8; i++)
    wgmma_ss<1>(c.s, q + (i >> 2) * (kPanel >> 4) + (i & 3) * 2,
                key + (i >> 2) * (kPanel >> 4) + (i & 3) * 2);
  wgmma_commit();
  advance(c.slot, c.parity);
  const int vs = c.slot;
  if constexpr (!First) {
    mbarrier_wait(sm + kFull + vs * 8, c.parity);
    values(c, last, sm + kRing + vs * kTile);
    wgmma_wait<1>();
  } else {
    wgmma_wait<0>();
  }
  touch(c.s);
  arrive(sm + kEmpty + ks * 8, index);
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5 & 3;
  if (uniform(mask != 0)) {
    const int r = row + warp * 16 + (lane >> 2), k0 = column + (lane & 3) * 2;
#pragma unroll
    for (int i = 0; i < 64; i++) {
      const int kk = k0 + (i >> 2) * 8 + (i & 1), rr = r + (i >> 1 & 1) * 8;
      if (kk >= columns || (mask == 1 && kk > rr)) c.s[i] = -__int_as_float(0x7f800000);
    }
  }
  const float inf = __int_as_float(0x7f800000);
  float part[2];
  exponentials(c, c.top[0], c.top[1], next, part);
  const bool moved = uniform(First || !all_of_strand(part[0] <= 256.f && part[1] <= 256.f, index));
  if (moved) {
    float reference[2] = {-inf, -inf};
#pragma unroll
    for (int i = 0; i < 64; i++)
      reference[i >> 1 & 1] = max_f32(reference[i >> 1 & 1], c.s[i] * c.factor);
#pragma unroll
    for (int h = 0; h < 2; h++) {
      reference[h] = max_f32(c.top[h], quad_max(reference[h]));
      c.shrink[h] = reference[h] == c.top[h] ? 1.f : ex2_approx(c.top[h] - reference[h]);
      c.total[h] *= c.shrink[h];
      c.top[h] = reference[h];
    }
    exponentials(c, reference[0] == -inf ? 0.f : reference[0],
                 reference[1] == -inf ? 0.f : reference[1], next, part);
  }
  c.total[0] += part[0];
  c.total[1] += part[1];
  touch(next);
  if constexpr (!First) {
    wgmma_wait<0>();
    touch(c.out);
    touch(last);
    arrive(sm + kEmpty + vs * 8, index);
    advance(c.slot, c.parity);
  }
  if (!First && moved) {
#pragma unroll
    for (int i = 0; i < 64; i++) c.out[i] *= c.shrink[i >> 1 & 1];
  }
}

extern "C" __global__ void __launch_bounds__(384, 1)
    attention(const __grid_constant__ tensor_map q_map, const __grid_constant__ tensor_map k_map,
              const __grid_constant__ tensor_map v_map, const __grid_constant__ tensor_map o_map,
              const int* __restrict__ place, const int* __restrict__ first,
              const int* __restrict__ list, float scale, u32* ticket, float* lse, int heads,
              int kv_heads, int rows, int columns, int items) {
  extern __shared__ __align__(1024) unsigned char shared[];
  const u32 sm = shared_address(shared);
  if (threadIdx.x == 0) {
    for (int i = 0; i < S; i++) {
      mbarrier_init(sm + kFull + i * 8, 1);
      mbarrier_init(sm + kEmpty + i * 8, 2);
    }
    mbarrier_init(sm + kQFull, 1);
    mbarrier_init(sm + kQEmpty, 2);
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  }
  __syncthreads();
  const int wg = __shfl_sync(~0u, threadIdx.x >> 7, 0);
  if (wg == 0) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 40;");
    int slot = 0, turn = 0, item = blockIdx.x;
    u32 parity = 1;
    while (item < items) {
      const int head = place[2 * item], block = place[2 * item + 1], kv = head / (heads / kv_heads),
                begin = first[item], end = first[item + 1];
      mbarrier_wait(sm + kQEmpty, turn + 1 & 1);
      if (threadIdx.x == 0) {
        st_shared_i32(sm + kWork, item);
        st_shared_i32(sm + kWork + 4, end - begin);
        mbarrier_expect(sm + kQFull, kTile);
#pragma unroll
        for (int p = 0; p < 2; p++)
          copy_tensor_3d(sm + kQ + p * kPanel, &q_map, p * 64, block * 128, head, sm + kQFull);
      }
      for (int e = begin; e < end; e++) {
        push(sm, slot, parity, &k_map, list[e] / 4, kv, list[e] % 4);
        if (e > begin) push(sm, slot, parity, &v_map, list[e - 1] / 4, kv, 0);
      }
      if (end > begin) push(sm, slot, parity, &v_map, list[end - 1] / 4, kv, 0);
      turn++;
      u32 old = 0;
      if (threadIdx.x == 0) {
        old = atom_add_gpu(ticket, 1);
        st_shared_i32(sm + kWork + 8, (int)old);
      }
      asm volatile("bar.sync 3,128;" ::: "memory");
      item = ld_shared_i32(sm + kWork + 8) + (int)gridDim.x;
      asm volatile("bar.sync 3,128;" ::: "memory");
    }
    mbarrier_wait(sm + kQEmpty, turn + 1 & 1);
    if (threadIdx.x == 0) {
      st_shared_i32(sm + kWork, -1);
      mbarrier_arrive(sm + kQFull);
      if (atom_add_acq_rel_gpu(ticket + 1, 1) == gridDim.x - 1) {
        st_release_gpu(ticket, 0);
        st_release_gpu(ticket + 1, 0);
      }
    }
  } else {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 232;");
    const int index = wg - 1, lane = threadIdx.x & 31, warp = threadIdx.x >> 5 & 3;
    const float inf = __int_as_float(0x7f800000);
    Consumer c;
    c.factor = scale * 1.4426950408889634f;
#pragma unroll
    for (int i = 0; i < 64; i++) c.s[i] = 0.f;
#pragma unroll
    for (int i = 0; i < 32; i++) c.even[i] = c.odd[i] = 0;
    int turn = 0;
    mbarrier_wait(sm + kQFull, 0);
    for (;;) {
      const int item = __shfl_sync(~0u, ld_shared_i32(sm + kWork), 0),
                tiles = __shfl_sync(~0u, ld_shared_i32(sm + kWork + 4), 0);
      if (uniform(item < 0)) break;
      const int head = place[2 * item], row = place[2 * item + 1] * 128 + index * 64,
                begin = first[item];
#pragma unroll
      for (int i = 0; i < 64; i++) c.out[i] = 0.f;
      c.top[0] = c.top[1] = -inf;
      c.total[0] = c.total[1] = 0.f;
      c.shrink[0] = c.shrink[1] = 1.f;
      if (uniform(tiles > 0)) {
        step<true>(c, sm, index, c.odd, c.even, row, list[begin] / 4, columns);
        for (int j = 1; uniform(j < tiles); j += 2) {
          step<false>(c, sm, index, c.even, c.odd, row, list[begin + j] / 4, columns);
          if (uniform(j + 1 < tiles))
            step<false>(c, sm, index, c.odd, c.even, row, list[begin + j + 1] / 4, columns);
        }
        mbarrier_wait(sm + kFull + c.slot * 8, c.parity);
        const u32 tile = sm + kRing + c.slot * kTile;
        if (uniform(tiles % 2 == 1))
          values(c, c.even, tile);
        else
          values(c, c.odd, tile);
        wgmma_wait<0>();
        touch(c.out);
        arrive(sm + kEmpty + c.slot * 8, index);
        advance(c.slot, c.parity);
      }
      float inverse[2];
#pragma unroll
      for (int h = 0; h < 2; h++) {
        const float whole = c.total[h];
        inverse[h] = whole > 0.f ? rcp_approx(whole) : 0.f;
        const int r = row + warp * 16 + (lane >> 2) + h * 8;
        if ((lane & 3) == 0 && r < rows)
          lse[(u64)head * rows + r] =
              whole > 0.f ? (c.top[h] + lg2_approx(whole)) * 0.6931471805599453f : -inf;
      }
      asm volatile("bar.sync %0,128;" ::"r"(1 + index) : "memory");
#pragma unroll
      for (int i = 0; i < 16; i++)
#pragma unroll
        for (int h = 0; h < 2; h++) {
          const int r = index * 64 + warp * 16 + (lane >> 2) + h * 8;
          st_shared_u32(
              sm + kQ + (i >> 3) * kPanel + r * 128 + (((i & 7) ^ (r & 7)) << 4) + (lane & 3) * 4,
              cvt_f16x2(c.out[4 * i + 2 * h] * inverse[h], c.out[4 * i + 2 * h + 1] * inverse[h]));
        }
      asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
      asm volatile("bar.sync %0,128;" ::"r"(1 + index) : "memory");
      if ((threadIdx.x & 127) == 0) {
#pragma unroll
        for (int p = 0; p < 2; p++)
          store_tensor_3d(&o_map, p * 64, row, head, sm + kQ + p * kPanel + index * 64 * 128);
        asm volatile("cp.async.bulk.commit_group;" ::: "memory");
        asm volatile("cp.async.bulk.wait_group.read 0;" ::: "memory");
      }
      arrive(sm + kQEmpty, index);
      turn++;
      mbarrier_wait(sm + kQFull, turn & 1);
    }
  }
}
