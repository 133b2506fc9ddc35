; Code that changes itself: the next instruction, through an alias, across two pages, and by the
; other side of a page boundary.
%include "lib.inc"
bits 64

main:
  ; the very next instruction: mov eax, 1 becomes mov eax, 2
  mov byte [.next + 1], 2
.next:
  mov eax, 1
  SHOW "next instruction", rax

  ; in a loop: the immediate counts itself up
  mov ecx, 5
.loop:
  inc byte [.counter + 1]
.counter:
  mov eax, 0x10
  dec ecx
  jnz .loop
  SHOW "own loop", rax

  ; two linear pages on one frame: executed through one, written through the other
  mov rax, FRAMES + 0x8000 + (P | W)
  mov [TEST_PT + 9 * 8], rax
  invlpg [TEST + 0x9000]
  mov dword [TEST + 0x8000], 0x000001b8   ; mov eax, 1
  mov dword [TEST + 0x8004], 0x0000c300   ; ret
  mov rdi, TEST + 0x8000
  call rdi
  SHOW "before", rax
  mov byte [TEST + 0x9001], 7
  call rdi
  SHOW "written through an alias", rax
  mov rdi, TEST + 0x9000
  call rdi
  SHOW "executed through the alias", rax

  ; an instruction that lies in two pages: mov eax, imm32 with its last two bytes in the second
  mov byte [TEST + 0xaffd], 0xb8
  mov word [TEST + 0xaffe], 0x1111
  mov word [TEST + 0xb000], 0x2222
  mov byte [TEST + 0xb002], 0xc3
  mov rdi, TEST + 0xaffd
  call rdi
  SHOW "across two pages", rax
  mov byte [TEST + 0xb001], 0x33
  call rdi
  SHOW "second part written", rax
  ; the second page onto another frame
  mov word [FRAMES + 0xc000], 0x4444
  mov byte [FRAMES + 0xc002], 0xc3
  MAP 11, FRAMES + 0xc000 + (P | W)
  mov rdi, TEST + 0xaffd
  call rdi
  SHOW "second part mapped anew", rax
  ; and gone: the fault is that of the second page
  MAP 11, 0
  mov rdi, TEST + 0xaffd
  TRY .gone
  call rdi
.gone:
  GOT "second part not present"

  ; the page of code onto another frame
  mov dword [FRAMES + 0xd000], 0x000009b8
  mov dword [FRAMES + 0xd004], 0x0000c300
  mov rdi, TEST + 0x8000
  call rdi
  SHOW "first frame", rax
  MAP 8, FRAMES + 0xd000 + (P | W)
  mov rdi, TEST + 0x8000
  call rdi
  SHOW "other frame", rax
  jmp finish
