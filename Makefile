# 税铃 Shuiling. `make` alone lists what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python
SHUILING := .venv/bin/shuiling
TYPED := tax store kb handoff outreach actions chat gateway dialects telephony bot/parsing
PYTEST_ARGS ?=

.PHONY: help setup train serve test lint bench-nlu bench-kb bench-chat bench-voice bench-accents bench-handoff bench-outreach clean models

help: ## 列出所有命令 · list the commands
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## 准备环境和系统软件包 · prepare environments and system packages
	@scripts/setup.sh

train: setup ## 训练语义模型（输入有变化时）· train the Rasa model when its inputs changed
	@$(SHUILING) train

serve: setup ## 启动税铃，Ctrl-C 停止 · start everything, Ctrl-C stops it
	@exec $(SHUILING) serve

test: train ## 运行全部测试 · run every test
	$(PYTHON) -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

lint: setup ## 静态检查：ruff、mypy、import-linter · static checks
	.venv/bin/ruff check .
	.venv/bin/mypy $(TYPED)
	.venv/bin/lint-imports

bench-nlu: setup ## 语义理解对比表（约一小时）· compare ways of understanding (about an hour)
	PYTHONPATH=. .venv-rasa/bin/python -m tests.load.bench_nlu --write docs/figures.md

bench-chat: train ## 对话性能表 · the chat bench table
	$(PYTHON) -m tests.load.bench_chat

bench-voice: train ## 电话性能表 · the telephone's bench table
	$(PYTHON) -m tests.load.voice.bench_calls --write docs/figures.md $(BENCH_ARGS)

bench-kb: setup ## 知识库检索表 · the knowledge base's table
	$(PYTHON) -m tests.load.bench_kb --write docs/figures.md

bench-handoff: setup ## 转人工性能表 · the table of the handoff to humans
	$(PYTHON) -m tests.load.handoff.bench_handoff --write docs/figures.md

bench-outreach: setup ## 外呼性能表（约二十分钟）· the table of outreach (about twenty minutes)
	$(PYTHON) -m tests.load.outreach.bench_outreach --write docs/figures.md

bench-accents: train ## 口音实验表（需要训练环境）· what each step adds for accents (needs the training environment)
	@scripts/training.sh
	.venv-training/bin/python -m dialects.training.spoken_set .cache/training/spoken
	$(PYTHON) -m tests.load.voice.accents .cache/training/spoken --write docs/figures.md

models: setup ## 从头重建声学模型（数小时，6 GB 环境）· rebuild the acoustic models from nothing (hours)
	@scripts/training.sh
	nice .venv-training/bin/python -m dialects.training.build $(MODELS_ARGS)

clean: ## 删除环境、模型和缓存，保留 var/ 数据 · remove environments, models and caches, keep the data in var/
	rm -rf .venv .venv-rasa .venv-training .cache .rasa models .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
