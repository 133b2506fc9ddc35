; A second processor: INIT and start-up, an IPI each way, and a TLB shootdown.
%include "lib.inc"
bits 64

%define APIC 0xfee00000
%define TRAMPOLINE 0x8000
%define PAGE (TEST + 0x8000)

bits 16
trampoline:
  cli
  xor ax, ax
  mov ds, ax
  o32 lgdt [TRAMPOLINE + gdt_image - trampoline]
  mov eax, cr0
  or al, 1
  mov cr0, eax
  jmp dword KCODE32:ap32
gdt_image:
  dw gdt_end - gdt - 1
  dd gdt
trampoline_end:

bits 32
ap32:
  mov ax, KDATA
  mov ds, ax
  mov es, ax
  mov ss, ax
  mov esp, 0x21f000
  call enter_long_%[LEVELS]
  jmp KCODE:ap64
bits 64
ap64:
  mov ax, KDATA
  mov ss, ax
  lidt [idt_pointer]
  mov rax, APIC + 0xf0
  mov dword [rax], 0x1ff
  mov rax, APIC + 0x20
  mov eax, [rax]
  mov [ap_id], eax
  mov al, [PAGE]                 ; into this processor's TLB
  mov [ap_value], al
  lock inc qword [ap_ready]
.loop:
  sti
  hlt
  cli
  jmp .loop

; Both processors: the AP drops the page and answers, the boot processor counts the answer.
on_interrupt:
  mov rax, APIC + 0x20
  mov eax, [rax]
  test eax, eax
  jz .boot
  cmp qword [last_vector], 0x51
  jne .read
  invlpg [PAGE]
.read:
  mov al, [PAGE]
  mov [ap_value], al
  mov rax, APIC + 0x310
  mov dword [rax], 0
  mov rax, APIC + 0x300
  mov dword [rax], 0x4060
  jmp .eoi
.boot:
  inc qword [answers]
.eoi:
  mov rax, APIC + 0xb0
  mov dword [rax], 0
  ret

%macro IPI 1
  mov rax, APIC + 0x310
  mov dword [rax], 0x01000000
  mov rax, APIC + 0x300
  mov dword [rax], %1
%endmacro
%macro WAIT_ANSWERS 1
%%again:
  sti
  hlt
  cli
  cmp qword [answers], %1
  jb %%again
%endmacro
%macro VALUE 1
  movzx eax, byte [ap_value]
  SHOW %1, rax
%endmacro

main:
  mov al, 0xff
  out 0x21, al
  out 0xa1, al
  mov rax, on_interrupt
  mov [handler_hook], rax
  mov rax, APIC + 0xf0
  mov dword [rax], 0x1ff
  mov byte [FRAMES + 0x8000], 1
  mov byte [FRAMES + 0x9000], 2
  mov rsi, trampoline
  mov rdi, TRAMPOLINE
.copy:
  mov al, [rsi]
  mov [rdi], al
  inc rsi
  inc rdi
  cmp rsi, trampoline_end
  jne .copy
  SHOW "processors running", [ap_ready]
  IPI 0x4500                     ; INIT
  mov ecx, 100000
.wait:
  dec ecx
  jnz .wait
  IPI 0x4600 + (TRAMPOLINE >> 12)
.ready:
  pause
  cmp qword [ap_ready], 0
  je .ready
  SHOW "processors running", [ap_ready]
  mov eax, [ap_id]
  SHOW "its APIC identifier", rax
  VALUE "it read"

  ; the page changes: the AP may still read the old one, until it is told
  mov rax, FRAMES + 0x9000 + (P | W)
  mov [TEST_PT + 8 * 8], rax
  invlpg [PAGE]
  movzx eax, byte [PAGE]
  SHOW "the boot processor reads", rax
  IPI 0x4050
  WAIT_ANSWERS 1
  VALUE "may: the other reads"
  IPI 0x4051
  WAIT_ANSWERS 2
  VALUE "after the shootdown"
  SHOW "answers", [answers]

  ; both count one cell
  jmp finish

align 8
ap_ready: dq 0
answers: dq 0
ap_id: dd 0
ap_value: db 0
