/*
 * Runs short pieces of machine code on the processor at hand, each from a given state, and tells
 * the state afterwards. Layout of a case and of its result: cases.ts.
 *
 * Standard input: batches, each a header of four words (magic, number of cases, whether they carry
 * the vector state, 32 or 64: the mode that they run in) and the cases. Standard output: one result for each case.
 *
 * The code lies at CODE, in a page otherwise full of INT3, and is followed by a jump to
 * `silicon_leave`. Data lie at DATA: two writable pages, then a read-only one; around them nothing
 * is mapped. What faults is caught by a signal handler on its own stack.
 */
#include <asm/prctl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>
#include <unistd.h>

#define MAGIC 0x706d6c35u
#define PAGE 4096
#define WRITABLE (2 * PAGE)
#define CODE_MAX 56
#define WINDOW 128

/* Linux's selectors for a process: code of 64 and 32 bits, data. */
#define CS64 0x33
#define CS32 0x23
#define DS32 0x2b

struct request {
  uint8_t length;
  uint8_t pad[7];
  uint8_t code[CODE_MAX];
  uint64_t gpr[16];
  uint64_t flags;
  uint64_t window_at;
  uint8_t window[WINDOW];
};

struct result {
  int32_t trap;
  uint32_t error;
  uint64_t rip, cr2, flags;
  uint64_t gpr[16];
  uint8_t window[WINDOW];
  int32_t stray;
  uint32_t pad;
  uint64_t stray_value;
};

/* The stubs below know these by name and the GPRs by their order in an instruction's encoding. */
struct request silicon_in __attribute__((used));
struct result silicon_out __attribute__((used));
uint8_t silicon_fx_in[512] __attribute__((aligned(16), used));
uint8_t silicon_fx_out[512] __attribute__((aligned(16), used));
uint8_t silicon_fx_clean[512] __attribute__((aligned(16), used));
uint64_t silicon_gpr_in[16] __attribute__((used));
uint64_t silicon_gpr_out[16] __attribute__((used));
uint64_t silicon_flags_in __attribute__((used));
uint64_t silicon_flags_out __attribute__((used));
uint64_t silicon_stack __attribute__((used));
uint64_t silicon_entry __attribute__((used));
struct __attribute__((packed)) {
  uint32_t offset;
  uint16_t selector;
} silicon_entry32 __attribute__((used));
uint32_t silicon_mode __attribute__((used));
uint32_t silicon_vector __attribute__((used));

void silicon_enter(void);
void silicon_leave(void);
void silicon_resume(void);

#define EACH_GPR(move)                                                                             \
  move("rax", 0) move("rcx", 8) move("rdx", 16) move("rbx", 24) move("rbp", 40) move("rsi", 48)    \
  move("rdi", 56) move("r8", 64) move("r9", 72) move("r10", 80) move("r11", 88) move("r12", 96)    \
  move("r13", 104) move("r14", 112) move("r15", 120) move("rsp", 32)
#define LOAD(reg, at) "mov silicon_gpr_in+" #at "(%rip), %" reg "\n"
#define STORE(reg, at) "mov %" reg ", silicon_gpr_out+" #at "(%rip)\n"

__asm__(".text\n"
        "silicon_enter:\n"
        "push %rbx\npush %rbp\npush %r12\npush %r13\npush %r14\npush %r15\n"
        "mov %rsp, silicon_stack(%rip)\n"
        "cmpl $0, silicon_vector(%rip)\n"
        "je 1f\n"
        "fxrstor64 silicon_fx_in(%rip)\n"
        "1: cmpl $32, silicon_mode(%rip)\n"
        "je 2f\n"
        "push silicon_flags_in(%rip)\n"
        "popfq\n" EACH_GPR(LOAD) "jmp *silicon_entry(%rip)\n"
        "2: push silicon_flags_in(%rip)\n"
        "popfq\n" EACH_GPR(LOAD) "ljmp *silicon_entry32(%rip)\n"
        "silicon_leave:\n" EACH_GPR(STORE)
        "mov silicon_stack(%rip), %rsp\n"
        "pushfq\n"
        "pop silicon_flags_out(%rip)\n"
        "cmpl $0, silicon_vector(%rip)\n"
        "je silicon_resume\n"
        "fxsave64 silicon_fx_out(%rip)\n"
        "silicon_resume:\n"
        "pushq $0x202\n"
        "popfq\n"
        "fxrstor64 silicon_fx_clean(%rip)\n"
        "pop %r15\npop %r14\npop %r13\npop %r12\npop %rbp\npop %rbx\n"
        "ret\n");

static const int GREG_OF[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                REG_R12, REG_R13, REG_R14, REG_R15};

/* Keeps what the signal found and goes on at `silicon_resume`. */
static void on_signal(int number, siginfo_t *info, void *context) {
  (void)number;
  (void)info;
  mcontext_t *machine = &((ucontext_t *)context)->uc_mcontext;
  greg_t *registers = machine->gregs;
  silicon_out.trap = (int32_t)registers[REG_TRAPNO];
  silicon_out.error = (uint32_t)registers[REG_ERR];
  silicon_out.cr2 = (uint64_t)registers[REG_CR2];
  silicon_out.rip = (uint64_t)registers[REG_RIP];
  silicon_flags_out = (uint64_t)registers[REG_EFL];
  for (int i = 0; i < 16; i++) silicon_gpr_out[i] = (uint64_t)registers[GREG_OF[i]];
  if (silicon_vector) memcpy(silicon_fx_out, machine->fpregs, 512);
  registers[REG_RIP] = (greg_t)(uintptr_t)silicon_resume;
  registers[REG_RSP] = (greg_t)silicon_stack;
  registers[REG_EFL] = 0x202;
  registers[REG_CSGSFS] = (registers[REG_CSGSFS] & ~0xffffll) | CS64;
}

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void *map_at(uint64_t address, size_t bytes, int protection) {
  void *place = mmap((void *)address, bytes, protection,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  if (place != (void *)address) fail("mmap");
  return place;
}

static void catch_signals(void) {
  static const int NUMBERS[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
  stack_t stack = {.ss_size = 65536};
  stack.ss_sp = malloc(stack.ss_size);
  if (!stack.ss_sp || sigaltstack(&stack, 0)) fail("sigaltstack");
  struct sigaction action = {.sa_sigaction = on_signal,
                             .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
  for (size_t i = 0; i < sizeof NUMBERS / sizeof *NUMBERS; i++)
    if (sigaction(NUMBERS[i], &action, 0)) fail("sigaction");
}

static uint8_t *code, *data;

/* JMP [RIP+0] and the address behind it. */
static size_t put_jump(uint8_t *at, void (*target)(void)) {
  static const uint8_t JUMP[6] = {0xff, 0x25, 0, 0, 0, 0};
  uint64_t address = (uint64_t)(uintptr_t)target;
  memcpy(at, JUMP, sizeof JUMP);
  memcpy(at + sizeof JUMP, &address, sizeof address);
  return sizeof JUMP + sizeof address;
}

static void set_up(void) {
  code = map_at(CODE_PAGE, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
  memset(code, 0xcc, PAGE);
  data = map_at(DATA, 3 * PAGE, PROT_READ | PROT_WRITE);
  for (int i = 0; i < PAGE; i++) data[WRITABLE + i] = (uint8_t)(i * 37 + 11);
  if (mprotect(data + WRITABLE, PAGE, PROT_READ)) fail("mprotect");
  if (syscall(SYS_arch_prctl, ARCH_SET_GS, GS_BASE)) fail("arch_prctl");
  catch_signals();
  /* 64-bit code within reach of 32-bit code. */
  put_jump(map_at(STUB_PAGE, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC), silicon_leave);
  __asm__ volatile("fxsave64 %0" : "=m"(silicon_fx_clean));
}

/* The part of the window that can be written: 0 to WINDOW bytes. */
static size_t writable_bytes(uint64_t window_at) {
  uint64_t end = DATA + WRITABLE;
  if (window_at >= end) return 0;
  return end - window_at < WINDOW ? end - window_at : WINDOW;
}

/* Behind the code comes the way back: in 32-bit mode a far jump into 64-bit code. */
static void place_code(const struct request *request) {
  uint8_t *at = code + CODE_OFFSET;
  uint8_t *end = at + request->length;
  memcpy(at, request->code, request->length);
  silicon_entry = (uint64_t)(uintptr_t)at;
  silicon_entry32.offset = (uint32_t)silicon_entry;
  silicon_entry32.selector = CS32;
  if (silicon_mode == 64) {
    put_jump(end, silicon_leave);
    return;
  }
  uint32_t stub = STUB_PAGE;
  uint16_t selector = CS64;
  *end = 0xea;
  memcpy(end + 1, &stub, sizeof stub);
  memcpy(end + 5, &selector, sizeof selector);
}

/* 32-bit code wants DS and ES to be there; Linux gives a 64-bit process none. */
static void set_mode(uint32_t mode) {
  uint32_t selector = mode == 32 ? DS32 : 0;
  silicon_mode = mode;
  __asm__ volatile("mov %0, %%ds\nmov %0, %%es" : : "r"(selector));
}

/* Whether anything outside the window was written, and what. */
static void find_stray(void) {
  static const uint8_t ZEROS[WRITABLE];
  silicon_out.stray = -1;
  silicon_out.stray_value = 0;
  if (memcmp(data, ZEROS, WRITABLE) == 0) return;
  for (int at = 0; at < WRITABLE; at += 8) {
    uint64_t word;
    memcpy(&word, data + at, 8);
    if (word && silicon_out.stray < 0) {
      silicon_out.stray = at;
      silicon_out.stray_value = word;
    }
  }
  memset(data, 0, WRITABLE);
}

static void run(const struct request *request) {
  uint8_t *window = (uint8_t *)request->window_at;
  size_t writable = writable_bytes(request->window_at);
  memcpy(window, request->window, writable);
  memcpy(silicon_gpr_in, request->gpr, sizeof silicon_gpr_in);
  silicon_flags_in = request->flags;
  place_code(request);
  silicon_out.trap = -1;
  silicon_out.error = 0;
  silicon_out.cr2 = 0;
  silicon_out.rip = silicon_entry + request->length;
  silicon_enter();
  silicon_out.flags = silicon_flags_out;
  memcpy(silicon_out.gpr, silicon_gpr_out, sizeof silicon_gpr_out);
  memcpy(silicon_out.window, window, WINDOW);
  memset(window, 0, writable);
  find_stray();
  memset(code + CODE_OFFSET, 0xcc, CODE_MAX + 16);
}

int main(void) {
  uint32_t header[4];
  set_up();
  while (fread(header, sizeof header, 1, stdin) == 1) {
    if (header[0] != MAGIC) return 2;
    silicon_vector = header[2];
    set_mode(header[3]);
    for (uint32_t i = 0; i < header[1]; i++) {
      if (fread(&silicon_in, sizeof silicon_in, 1, stdin) != 1) return 3;
      if (silicon_vector && fread(silicon_fx_in, 512, 1, stdin) != 1) return 3;
      run(&silicon_in);
      if (fwrite(&silicon_out, sizeof silicon_out, 1, stdout) != 1) return 4;
      if (silicon_vector && fwrite(silicon_fx_out, 512, 1, stdout) != 1) return 4;
    }
  }
  return fflush(stdout) ? 4 : 0;
}
