"""What people type, as they type it: the language, what it is, and the sentences; a name stands after a bar."""

GIVES, ASKS_NAME, ASKS_PREVIOUS, ASKS_COUNT, NOTHING = "gives", "asks_name", "asks_previous", "asks_count", "nothing"

SENTENCES = {
    "en": {
        GIVES: """
            hi im bob | bob
            hey, i'm Alice 👋 | Alice
            my names dave | dave
            I'm Siobhan and I live in Cork | Siobhan
            MY NAME IS JOHN | JOHN
            just call me Liz pls | Liz
            You can call me al | al
            Good evening, this is Karen. | Karen
            hello!! my name is maria, nice to meet you | maria
            My full name is Ada Lovelace. | Ada Lovelace
            Everyone calls me Fred | Fred
            yo its mike here | mike
            Hi there! I'm Priya, a data engineer from Pune. | Priya
            the name's Bond | Bond
            people call me Ziggy | Ziggy
            I am called Ruth | Ruth
            im sarah btw | sarah
            My name is O'Brien | O'Brien
            Hello, I’m José! | José
            call me ishmael. | ishmael
            hey there my name is tom and i need help with redis | tom
            G'day, I'm Sheila | Sheila
            hello i am olivia, pleased to meet you | olivia
            My name: Wei | Wei
            everybody calls me Doc | Doc
            i'm Zbigniew 😀 | Zbigniew
            Hi, my name’s Anne-Marie. | Anne-Marie
            Howdy, I'm Earl from Texas | Earl
            hi my names priyanka :) | priyanka
            You may call me Captain | Captain
            """,
        ASKS_NAME: """
            whats my name
            what is my name again??
            who am i
            do u remember my name
            Can you tell me my name?
            so, my name?
            Do you still know who I am?
            say my name
            what did I say my name was?
            can u remember my name plz
            My name is what?
            hey do you know who i am
            Remind me, what's my name?
            what do you call me
            do you remember what my name is?
            ok so who am I
            """,
        ASKS_PREVIOUS: """
            what did i just say
            what was my last message
            repeat my last question
            can you tell me what i just said?
            what did i tell you before?
            What was the last thing I said?
            can you repeat what i said
            What was my previous question?
            What was I just saying?
            what did i ask u a minute ago
            what was the last thing i asked
            """,
        ASKS_COUNT: """
            how many messages have i sent
            how many questions did I ask so far?
            how many times have I written to you
            How many messages are in our chat so far?
            how many msgs did i write
            count my messages
            How many things have I asked you?
            what's the number of messages i sent
            how many messages so far?
            """,
        NOTHING: """
            i'm tired
            I'm a nurse
            I am from Los Angeles
            i am hungry 😩
            I'm German
            im a student at mit
            I'm not Bob
            call me later
            What's your name?
            I'm in London right now
            my name is not important
            I'm Bob's brother
            I'm Head of Sales
            i'm a teacher from Ohio
            im bored lol
            I'm a Python developer
            I'm Canadian
            i am from new york
            I'm vegetarian
            I am so sorry!
            this is great 😀
            What is the capital of France?
            I'm not sure what to say
            She's called Anna
            my dog's name is Rex
            call me back tomorrow
            I'm Chinese
            i'm learning langchain
            Tell me a joke
            I'm feeling blue
            I am an Engineer
            I'm Scottish
            I'm at Google
            i'm a big fan of Redis
            im fine thx
            I'm Korean, born in Seoul
            do you have a name?
            i work as a plumber
            I'm Afraid so
            I'm an accountant
            i am so confused rn
            I'm Buddhist
            i'm living in Berlin
            thanks, that's all
            I am Groot's biggest fan
            """,
    },
    "ko": {
        GIVES: """
            안녕하세요, 김철수라고 합니다. | 김철수
            철수입니다 | 철수
            나는 민수 | 민수
            제 이름은 민수 | 민수
            난 지영이야 ㅎㅎ | 지영
            저는 박서연이에요~ | 박서연
            민지라고 불러주세요 | 민지
            제이름은 이수진입니다 | 이수진
            안녕 나 하윤이야 | 하윤
            이름은 정우성입니다 | 정우성
            저 최민호인데요 | 최민호
            안녕하세요~ 저는 강하늘이라고 해요 | 강하늘
            김영희예요! | 김영희
            저는 최지우 입니다. | 최지우
            제 이름은 현우고요, 개발자예요 | 현우
            그냥 수아라고 불러 | 수아
            반가워, 난 태현이라고 해 | 태현
            내 이름은 서은우야😀 | 서은우
            유재석입니다 반갑습니다 | 유재석
            전 소영이에요 | 소영
            이름: 한지민 | 한지민
            저는 제니퍼라고 합니다 | 제니퍼
            저는 홍길동이라는 사람입니다 | 홍길동
            전 박지성이라고 합니다 | 박지성
            내 이름은 나래 | 나래
            안녕! 나는 지훈이라고 해 ^^ | 지훈
            제 이름은 크리스입니다 | 크리스
            이민정이에요 | 이민정
            저는 남주혁이고 학생입니다 | 남주혁
            제 이름은 올리비아예요 | 올리비아
            안녕하세요. 저는 윤아입니다! | 윤아
            """,
        ASKS_NAME: """
            제 이름은?
            내 이름은?
            내 이름이 뭐야
            내이름 뭐게?
            제 이름 기억하세요?
            내 이름 알아?
            제 이름 아세요?
            나 누구야?
            제 성함이 어떻게 되죠?
            제 이름이 뭐라고 했죠?
            내 이름 까먹었어?
            내가 누구게?
            제 이름 좀 말해 주세요
            이름 기억나?
            제이름이뭐에요
            내 이름 말해봐
            제 이름을 기억하고 계신가요?
            내 이름이 뭐였지
            제 이름 맞혀 보세요
            내가 누군지 알아?
            """,
        ASKS_PREVIOUS: """
            내가 방금 뭐라고 했지?
            방금 뭐라 그랬어
            제 마지막 메시지가 뭐였죠?
            아까 제가 한 질문이 뭐였나요
            제가 방금 뭐라고 말씀드렸죠?
            바로 전에 내가 뭐라고 썼어?
            이전 질문이 뭐였어
            내가 마지막으로 한 말이 뭐야?
            방금 내가 한 말 다시 말해줘
            아까 뭐라고 했더라
            제가 조금 전에 뭐라고 했나요?
            """,
        ASKS_COUNT: """
            메시지 몇 개 보냈어?
            제가 지금까지 몇 번 말했나요?
            내가 보낸 메세지 갯수는?
            지금까지 메시지를 몇 개 보냈나요?
            나 몇 번 물어봤어?
            총 몇 개의 메시지를 보냈죠
            내가 메시지를 얼마나 보냈지?
            질문 몇 개 했어
            여태 메시지 몇 개째야?
            """,
        NOTHING: """
            저는 대학생입니다
            직장인입니다
            서울에서 왔어요
            저는 개발자예요
            한국 사람이에요
            저는 회사원이에요.
            배고파요 ㅠㅠ
            고양이예요
            저는 부산 출신입니다
            너 이름이 뭐야?
            오늘 날씨 어때?
            저는 학생이라고요
            저는 이용자입니다
            저는 간호사입니다.
            나는 고등학생이야
            대구 사람입니다
            저는 제주도에 살아요
            저는 주부예요
            요즘 너무 바빠요ㅋㅋ
            저는 스무 살이에요
            저는 외국인입니다
            파이썬 공부 중이에요
            나는 행복해
            저는 선생님이 아니에요
            이거 어떻게 써요?
            저는 엔지니어입니다
            너는 누구야?
            우리 강아지 이름은 초코예요
            저는 미국에서 온 유학생입니다
            저는 요리사예요
            저는 인천에 사는 직장인이에요
            프리랜서입니다
            나는 남자야
            저는 한국에서 왔습니다
            배우가 되고 싶어요
            저는 초보자입니다
            감사합니다!
            심심해
            저는 삼성전자 직원입니다
            저는 광주 출신 디자이너예요
            나는 서울 시민이야
            저는 배고픈데요
            진짜요?
            저는 요즘 이직 준비 중입니다
            너 몇 살이야?
            """,
    },
    "zh-CN": {
        GIVES: """
            叫我小王就行 | 小王
            叫我小王就好 | 小王
            可以叫我阿明吗 | 阿明
            我是张伟 | 张伟
            你好，我叫李娜😊 | 李娜
            我的名字叫王小明。 | 王小明
            大家都叫我老刘 | 老刘
            我叫ｔｏｍ | tom
            我是小李，很高兴认识你 | 小李
            我名字是陈晨 | 陈晨
            以后就叫我Lily吧～ | Lily
            大家好，我是刘洋 | 刘洋
            我叫赵敏，来自成都 | 赵敏
            你就叫我阿强吧 | 阿强
            我的英文名是Kevin | Kevin
            本人姓名：周杰 | 周杰
            嗨我是小美 | 小美
            我叫做林志玲😄 | 林志玲
            叫我老王好了 | 老王
            我叫欧阳娜娜 | 欧阳娜娜
            我名叫孙悟空 | 孙悟空
            您可以称呼我陈先生 | 陈先生
            我叫马超群 | 马超群
            您好，我是何静。 | 何静
            我名叫阿依古丽 | 阿依古丽
            叫我Jack就好啦 | Jack
            朋友们都叫我胖虎 | 胖虎
            我的名字：徐丽 | 徐丽
            哈喽，我叫周星星 | 周星星
            我是老张 | 老张
            请叫我Amy | Amy
            """,
        ASKS_NAME: """
            我叫什么
            我叫啥
            你还记得我叫什么名字吗?
            我的名字是？
            我是谁
            知道我名字吗
            你记得我吗，我叫什么来着
            还记得我的名字吗
            我的名字叫什么呀
            请问我是谁？
            说出我的名字
            你知道我叫什么吗
            我姓什么
            你还记得我是谁吗
            我的名字叫啥
            你知不知道我的名字
            你还知道我叫啥不
            我叫什么来着？
            """,
        ASKS_PREVIOUS: """
            我刚才说了什么？
            我刚刚说啥了
            我上一句话是什么
            重复一下我刚才的话
            我上一个问题是什么？
            我之前说过什么？
            刚才我问了你什么
            我上一条消息是什么
            我刚说什么来着
            你能重复一下我刚才说的吗
            我前面问了什么问题
            我上一句说了什么
            """,
        ASKS_COUNT: """
            我发了多少条消息
            我问了几个问题了？
            到现在我说了几句话
            我一共发了几条消息？
            我总共说了多少句话
            目前为止我问过多少个问题
            我一共问了你几次
            我们聊了多少条消息
            我已经发了几条了？
            """,
        NOTHING: """
            我是北京人
            我是大学生
            我是产品经理
            我是一名医生
            我是程序员
            我来自上海
            我饿了
            你叫什么名字？
            我是四川的
            我是江苏人
            我是高中生
            给我叫个外卖
            老板叫我加班
            我是老师
            我是护士
            我是广东人
            我在深圳工作
            我是新来的
            我是个学生
            我是研究生
            今天天气怎么样？
            我是做前端开发的
            我喜欢喝茶🍵
            你是谁
            我是中国人
            我很累
            他叫李明
            我是一个程序员
            我是公司职员
            我是会计
            我想学习Redis
            我是农民
            我是湖南人
            我是司机
            我是金融专业的学生
            我是80后
            我是真的不懂
            我是周末才有空
            我是来学习的
            帮我叫一下王经理
            我叫了一辆车
            我是女生
            我是设计师
            我是单身
            我是武汉的
            我是老师，教数学
            谢谢你
            我是一家公司的老板
            """,
    },
    "fr": {
        GIVES: """
            salut moi c'est léa | léa
            je m'appelle karim | karim
            je mappelle Sophie | Sophie
            Bonjour, je suis Élodie 😊 | Élodie
            appelle-moi Max | Max
            mon prenom est chloe | chloe
            Je m’appelle Jean-Pierre Dupont. | Jean-Pierre Dupont
            Tu peux m'appeler Gégé | Gégé
            JE M'APPELLE MARC | MARC
            coucou c'est Julie | Julie
            Bonjour, moi c'est Thomas et toi ? | Thomas
            jm'appelle Inès | Inès
            Je suis Nicolas, enchanté ! | Nicolas
            mon nom c'est Dubois | Dubois
            Appelez-moi Zaza s'il vous plaît | Zaza
            slt, je m'appelle yanis | yanis
            Je me présente : Hugo Martin | Hugo Martin
            Mon nom est François. | François
            on m'appelle Titi | Titi
            c camille | camille
            Enchanté, je m'appelle Bérénice | Bérénice
            moi cest paul | paul
            Mon prénom : Anaïs | Anaïs
            je me nomme Gaston | Gaston
            Bonjour c'est Mathilde | Mathilde
            Je suis Amélie et je débute en Python | Amélie
            Bonsoir, je m'appelle Ousmane et je viens de Dakar | Ousmane
            moi c Lulu | Lulu
            Tu peux m'appeler Jo | Jo
            """,
        ASKS_NAME: """
            comment je m'appelle
            cest quoi mon nom
            c'est quoi mon prénom déjà ?
            tu te souviens de mon nom ?
            Quel est mon prénom ?
            je suis qui
            tu sais comment je m'appelle ?
            et mon nom ?
            Rappelle-moi mon prénom stp
            tu connais mon nom ?
            Comment est-ce que je m'appelle déjà ?
            qui suis je ?
            Vous souvenez-vous de mon nom ?
            c koi mon prenom
            Pouvez-vous me dire mon nom ?
            t'as retenu mon prénom ?
            mon nom c'est quoi
            est-ce que tu sais comment je m'appelle
            Mon prénom, c'est quoi ?
            """,
        ASKS_PREVIOUS: """
            qu'est-ce que j'ai dit ?
            j'ai dit quoi juste avant
            Que viens-je de dire ?
            Répète mon dernier message
            c'était quoi ma dernière question
            qu'est ce que je viens de dire
            Qu'est-ce que je t'ai demandé tout à l'heure ?
            Quel était mon message précédent ?
            redis-moi ce que j'ai dit
            je viens de dire quoi ?
            Quelle était ma question précédente ?
            tu peux répéter ce que j'ai dit ?
            """,
        ASKS_COUNT: """
            combien de messages j'ai envoyés ?
            Combien de questions t'ai-je posées ?
            j'ai envoyé combien de messages
            combien de messages est-ce que j'ai écrits
            J'ai posé combien de questions ?
            Combien de fois je t'ai écrit ?
            J'en suis à combien de messages ?
            combien de msg je t'ai envoyés
            combien de messages depuis le début ?
            """,
        NOTHING: """
            je suis fatigué
            je suis prof
            Je suis Français
            je suis de lyon
            Je suis ingénieure à Toulouse
            j'habite à Paris
            je viens de Marseille
            moi c'est pareil
            Comment tu t'appelles ?
            appelle-moi demain
            je suis parisienne
            je ne m'appelle pas Bob
            je suis content de te parler
            je suis infirmière
            je suis de Paris
            Je suis Belge
            je suis en retard 😅
            Je suis étudiant en informatique
            je suis crevé
            moi aussi
            moi c'est la musique que j'aime
            Quelle heure est-il ?
            tu t'appelles comment
            Mon chien s'appelle Médor
            appelez-moi un taxi
            je suis né à Lyon
            Je suis d'accord
            J'ai faim
            je suis pas Bob
            Je suis médecin
            je suis de nationalité belge
            Je suis Canadienne
            je suis au bureau
            c'est super 👍
            Je suis Chef de projet
            je suis à Bordeaux
            Je suis désolée
            bonjour, ça va ?
            je travaille chez Orange
            je suis boulanger
            Je suis Marseillais
            je suis dans le train
            je suis trop content 🎉
            je suis Breton
            c'est Noël bientôt
            """,
    },
    "es": {
        GIVES: """
            hola me llamo ana y tengo 20 años | ana
            soy pedro | pedro
            Mi nombre es Lucía | Lucía
            hola, soy María José | María José
            me llamo ÁNGEL | ÁNGEL
            llámame Paco | Paco
            me dicen Beto 😎 | Beto
            puedes llamarme Nico | Nico
            buenas soy el Juan | Juan
            Yo soy Camila, mucho gusto | Camila
            Buenas tardes, me llamo Fernando. | Fernando
            mi nombre es xiomara | xiomara
            Hola! Soy Valentina 😊 y estudio medicina | Valentina
            puedes decirme Chema | Chema
            todos me dicen Memo | Memo
            soy carlos, un placer | carlos
            Mi nombre completo es Gabriel García | Gabriel García
            llamenme lupita | lupita
            que tal, yo me llamo Íñigo | Íñigo
            Te habla Ramón | Ramón
            hola soy lucia | lucia
            Me llamo Joaquín Pérez, ¿y tú? | Joaquín Pérez
            Mi nombre es Iker. | Iker
            encantada, soy Maite | Maite
            a mí me llaman Kike | Kike
            dime Pepe | Pepe
            ¡Buenas! Me llamo Ximena | Ximena
            hola q tal soy dani | dani
            mi nombre es josé luis | josé
            """,
        ASKS_NAME: """
            como me llamo
            cual es mi nombre
            ¿Te acuerdas de mi nombre?
            sabes como me llamo?
            quién soy yo?
            dime mi nombre porfa
            y mi nombre?
            ¿Recuerdas cómo me llamo?
            ¿Cómo me llamo yo?
            ¿Sabes quién soy?
            olvidaste mi nombre?
            ¿Me puedes decir mi nombre?
            cual era mi nombre
            ¿Conoces mi nombre?
            ¿Podrías decirme mi nombre?
            como era mi nombre?
            oye, cómo me llamo
            a ver, ¿cuál es mi nombre?
            no te acuerdas de como me llamo?
            """,
        ASKS_PREVIOUS: """
            que dije
            qué acabo de decir?
            que te dije antes
            ¿Cuál fue mi último mensaje?
            repite lo que dije
            cual fue mi pregunta anterior
            ¿Qué fue lo último que dije?
            que es lo que te acabo de decir
            ¿Qué te pregunté antes?
            repite mi último mensaje
            ¿Qué te acabo de preguntar?
            dime lo que dije antes
            que fue lo que dije
            """,
        ASKS_COUNT: """
            cuantos mensajes he enviado
            ¿Cuántas preguntas te hice?
            cuántos mensajes llevo?
            ¿Cuántos mensajes te mandé?
            cuantas preguntas llevo
            ¿Cuántas veces te he escrito?
            Dime cuántos mensajes te he mandado
            cuantos mensajes van
            ¿cuántos mensajes van hasta ahora?
            """,
        NOTHING: """
            soy de Lima
            soy estudiante
            Soy Ingeniero
            soy mexicana
            estoy cansado
            vivo en Madrid
            llámame mañana
            cómo te llamas?
            Soy Profesora de inglés
            no me llamo Bob
            me gusta el café ☕
            soy muy feliz
            soy la mejor
            Soy de Bogotá
            soy abogado
            soy argentino
            soy Argentino
            Soy Médico
            tengo hambre
            soy nuevo en esto
            ¿Qué hora es?
            mi perro se llama Toby
            soy programadora y vivo en Quito
            llámame cuando puedas
            estoy aprendiendo python 🐍
            ¿Quién eres?
            no soy Juan
            Me llamó mi jefe
            soy vegetariana
            soy enfermera
            Soy Chileno
            soy profe de mates
            soy de un pueblo de Sevilla
            soy alérgico al gluten
            ¿Me ayudas?
            soy alto
            vengo de Argentina 🇦🇷
            Soy Licenciada en Derecho
            hola, ¿qué tal?
            soy camarero
            soy Cubano
            soy bueno en ajedrez
            tengo 30 años
            estoy en Valencia
            soy fan de Shakira
            """,
    },
    "ja": {
        GIVES: """
            田中です | 田中
            田中です。 | 田中
            さくらです | さくら
            名前はさくらです | さくら
            はじめまして、佐藤と申します。 | 佐藤
            ﾀﾅｶです | タナカ
            僕は山田太郎だよ | 山田太郎
            私、鈴木っていいます！ | 鈴木
            けんたって呼んで | けんた
            こんにちは！高橋です😊 | 高橋
            私の名前は小林 花子です | 小林 花子
            はじめまして！山本です。よろしくお願いします。 | 山本
            渡辺と言います | 渡辺
            私は中村美咲です | 中村美咲
            ぼくのなまえはたろうです | たろう
            俺は健太だ | 健太
            みゆきって呼んでください♪ | みゆき
            わたしはマリアです | マリア
            名前はトムです！ | トム
            ジョンと申します | ジョン
            どうも、伊藤っす | 伊藤
            Ｂｏｂです | Bob
            加藤と申します。どうぞよろしくお願いいたします。 | 加藤
            僕の名前はケンジです | ケンジ
            私は吉田です！ | 吉田
            ゆうたって言います | ゆうた
            初めまして、小川です | 小川
            名前は鬼塚です | 鬼塚
            私は佐々木翔です。 | 佐々木翔
            アンナです、よろしく | アンナ
            どうも、林です | 林
            """,
        ASKS_NAME: """
            私の名前は？
            僕の名前覚えてる？
            私の名前わかりますか
            私は誰？
            名前なんだっけ
            俺の名前言ってみて
            私の名前を教えて
            私の名前を当ててみて
            私の名前なんだっけ？
            名前覚えてますか
            私って誰だっけ
            わたしのなまえは？
            ぼくの名前を言ってください
            私の名前、覚えてくれてる？
            俺って誰？
            私の名前は何でしょう
            私の名前知ってる？
            名前、覚えてる？
            """,
        ASKS_PREVIOUS: """
            今何と言いましたか？
            さっき何て言った？
            私が直前に言ったことは？
            前のメッセージは何でしたか
            いま私なんて言った？
            さっき私は何と言いましたか
            直前のメッセージを教えて
            今なんて言ったっけ
            さっきの質問は何だった？
            私が最後に言ったことを教えて
            さっき何を聞きましたっけ
            さっきなんて言いましたっけ
            """,
        ASKS_COUNT: """
            メッセージ何件送った？
            今まで何回質問しましたか
            私は何個メッセージを送りましたか？
            私のメッセージは何通ですか？
            これまでに何件送りましたか
            何回話しかけたっけ
            いくつメッセージを送ったかな
            質問は何個した？
            全部で何通送りましたか？
            """,
        NOTHING: """
            私は大学生です
            私は会社員です
            東京出身です
            エンジニアです
            元気です
            お腹すいた
            眠いです
            日本人です
            アメリカから来ました
            あなたの名前は？
            大阪に住んでます
            そうです
            今日は雨です☔
            これはペンと言います
            田中さんです
            私は看護師です。
            大阪人です
            フリーランスです
            私は日本から来ました
            今日は疲れた〜
            神奈川県に住んでいます
            私は元気です😊
            高校生です
            プログラミングを勉強しています
            東京です
            はい、そうです
            好きな食べ物は寿司です
            私は犬が好きです
            これは何ですか
            ありがとうございます
            教師をしています
            主婦です
            私は医者です
            京都から来ました
            関西人です
            私はまだ学生だよ
            デザイナーをやってます
            暇だなぁ
            すごいですね
            私は猫派です
            いい天気ですね☀️
            大丈夫です
            私は歯医者です
            北海道出身の田舎者です
            今は暇です
            私はベジタリアンです
            名古屋在住です
            楽しいです！
            """,
    },
    "pt-BR": {
        GIVES: """
            oi sou a ana | ana
            me chamo joão | joão
            meu nome é Thiago | Thiago
            Meu nome eh Bia 😊 | Bia
            pode me chamar de Zeca | Zeca
            aqui é o Carlos | Carlos
            Sou o Pedro, tudo bem? | Pedro
            eu me chamo Luiza Souza | Luiza Souza
            todo mundo me chama de Duda | Duda
            oi, aqui quem fala é a Marina | Marina
            Olá! Me chamo Fernanda, prazer. | Fernanda
            oi meu nome é rafa | rafa
            eu sou o marcos | marcos
            Sou a Dona Maria | Dona Maria
            pode chamar de Gui | Gui
            me chamam de Tuca | Tuca
            Bom dia, aqui é a Patrícia 🙂 | Patrícia
            o meu nome e lucas | lucas
            Meu nome completo é Ana Beatriz | Ana Beatriz
            me chama de Nando | Nando
            Oi, sou a Letícia! | Letícia
            meu nome é wesley e sou de manaus | wesley
            Me chamo Caetano Veloso | Caetano Veloso
            podem me chamar de Binho | Binho
            eu sou a juliana | juliana
            Fala! Aqui é o Zé | Zé
            oii, me chamo Sabrina kkk | Sabrina
            sou o Everton da Silva | Everton
            Meu nome é Maria Clara. | Maria Clara
            """,
        ASKS_NAME: """
            qual meu nome
            qual é o meu nome?
            vc lembra meu nome?
            como eu me chamo
            quem sou eu
            voce sabe meu nome
            e meu nome?
            vc sabe qual é meu nome?
            Você lembra como eu me chamo?
            diz meu nome
            Qual era o meu nome mesmo?
            sabe quem eu sou?
            meu nome é qual?
            você esqueceu meu nome?
            me fala meu nome
            qual o meu nome
            fala meu nome aí
            Você sabe quem eu sou?
            """,
        ASKS_PREVIOUS: """
            o que eu disse
            o que eu acabei de falar?
            qual foi minha última mensagem
            oq eu falei antes?
            repete o que eu disse
            O que foi que eu disse?
            qual foi a minha última pergunta?
            oq acabei de dizer
            Repita minha última mensagem
            o que eu te perguntei agora há pouco?
            Qual foi minha pergunta anterior?
            o que eu falei agora?
            """,
        ASKS_COUNT: """
            quantas mensagens eu mandei
            qts msgs eu já mandei?
            Quantas perguntas eu fiz?
            Quantas mensagens já enviei até agora?
            qnts mensagens mandei
            Quantas vezes eu escrevi?
            Quantas msgs eu te mandei hoje?
            me diz quantas perguntas fiz
            quantas mensagens eu já enviei?
            """,
        NOTHING: """
            sou de São Paulo
            sou estudante
            sou dentista
            Sou Brasileiro
            to com fome
            moro no rio
            eu sou engenheira
            qual é o seu nome?
            não me chamo Bob
            sou muito feliz
            me chama depois
            sou o dono da padaria
            estou cansado
            meu nome e sobrenome estão no cadastro
            sou professora
            Sou de Curitiba
            sou mineiro
            Sou Engenheiro de software
            tô cansada
            sou novo aqui
            que horas são?
            meu cachorro se chama Rex
            me chame quando puder
            moro em Recife
            sou casado
            eu sou do Brasil 🇧🇷
            quem é você?
            eu não sou o João
            estou aprendendo python
            gosto de pizza
            sou médica
            Sou Paulista
            sou vegetariano
            eu sou de Minas
            sou gerente de projetos
            tudo bem com você?
            sou péssima em matemática
            tô no trabalho
            Sou Formado em direito
            oi, me ajuda?
            sou advogado
            Sou Carioca
            sou fã do Flamengo
            sou de família italiana
            to na praia
            eu sou tímido
            """,
    },
    "de": {
        GIVES: """
            hi ich bin bob | bob
            hallo, ich heiße Anna 😊 | Anna
            ich heisse tobi | tobi
            Guten Tag, mein Name ist Schneider. | Schneider
            mein name ist jan | jan
            Moin, Jens hier | Jens
            Ich bin der Klaus und komme aus Bremen | Klaus
            ich bins, die Steffi | Steffi
            ICH HEISSE JOHN | JOHN
            nenn mich einfach Kalle | Kalle
            Nennen Sie mich bitte Frau Kaya | Frau Kaya
            Du kannst mich gerne Fred nennen | Fred
            Sie können mich Uschi nennen. | Uschi
            Guten Abend, hier spricht Frau Weber | Frau Weber
            Hallo, hier ist Jürgen! | Jürgen
            Alle nennen mich Zorro | Zorro
            Servus, i bin da Franz | Franz
            Mein Vorname ist Björn | Björn
            mein name: Li | Li
            Name: Aylin | Aylin
            Hallöchen, ich bin Käthe, 34, aus Ulm | Käthe
            Guten Morgen, ich heiße Karl-Heinz. | Karl-Heinz
            Gestatten, Bond | Bond
            Ich bin Sven und lerne gerade Python | Sven
            heiße übrigens Mia | Mia
            Grüß Gott, Huber mein Name | Huber
            ich heiß Matze und hab ne frage | Matze
            Ich werde von allen Toto genannt | Toto
            Ich bin's, Erna | Erna
            Mein voller Name ist Ada Lovelace. | Ada Lovelace
            hey ich bin lena und brauche hilfe bei redis | lena
            Freunde nennen mich Schorsch | Schorsch
            Guten Tag, ich bin Svetlana. | Svetlana
            hallo hier anna | anna
            Ich bin Thorben. | Thorben
            ich heiß' Tom | Tom
            sag einfach Uli zu mir | Uli
            mein name ist übrigens Kira | Kira
            hallo, ich bin's nochmal, die Petra | Petra
            """,
        ASKS_NAME: """
            wie heiße ich
            wie heiss ich nochmal??
            Wie ist mein Name?
            Wie war noch mal mein Name?
            wer bin ich
            weißt du noch wie ich heiße?
            weisst du wer ich bin
            Kennst du meinen Namen?
            und mein name?
            Kannst du dich an meinen Namen erinnern?
            sag mir bitte meinen namen
            Was war mein Name?
            hast du meinen namen vergessen 😢
            Können Sie mir sagen, wie ich heiße?
            Wissen Sie meinen Namen noch?
            wie heiß ich denn jetzt
            ich heiße wie?
            Welchen Namen habe ich?
            Erinnerst du dich noch an meinen Namen?
            Mein Name ist wie?
            Wie nennst du mich?
            wie hieß ich nochmal
            Weißt du eigentlich noch meinen Vornamen?
            Unter welchem Namen kennst du mich?
            """,
        ASKS_PREVIOUS: """
            was habe ich gerade gesagt
            was hab ich eben geschrieben?
            Was war meine letzte Nachricht?
            wiederhol bitte meine letzte frage
            Was habe ich dich zuletzt gefragt?
            weißt du noch was ich gesagt habe
            Wie lautete meine vorherige Nachricht?
            Können Sie wiederholen, was ich gesagt habe?
            Was sagte ich eben?
            was war das letzte was ich geschrieben hab
            Was hatte ich vorhin geschrieben?
            was war meine frage nochmal? also meine letzte frage
            zeig mir meine letzte nachricht
            was hab ich dir grad erzählt
            Was stand in meiner letzten Nachricht?
            Was war die letzte Frage von mir?
            """,
        ASKS_COUNT: """
            wie viele nachrichten habe ich geschrieben
            wieviele nachrichten hab ich dir geschickt?
            Wie viele Fragen habe ich bisher gestellt?
            wie oft hab ich dir schon geschrieben
            Zähl mal meine Nachrichten
            Wie viele Nachrichten waren das bis jetzt?
            Wie viele Nachrichten sind es insgesamt?
            Wie hoch ist die Anzahl meiner Nachrichten?
            Bei wie vielen Nachrichten sind wir?
            wie viele msgs von mir
            wie viel nachrichten hab ich geschrieben
            die wievielte nachricht ist das?
            """,
        NOTHING: """
            ich bin müde
            ich bin lehrer
            Ich bin Lehrerin
            Ich bin Ingenieur bei Siemens
            ich bin aus köln
            Ich bin Berliner
            Ich komme aus der Schweiz
            ich wohne in leipzig
            Ich bin Österreicherin und studiere in Wien
            Ich heiße nicht Bob
            Ich bin nicht Bob
            Wie heißt du?
            wie heissen sie
            nenn mir ein Beispiel
            Nennen Sie mich nicht so
            ich bin so froh dich kennenzulernen
            Mein Name ist geheim
            Mein Name ist schwer auszusprechen
            Mein Hund heißt Bello
            Wie geht es dir heute?
            Ich bin Student
            Ich bin Krankenpfleger von Beruf
            ich bin gleich wieder da
            Ich bin Anfänger und verstehe nichts
            Ich bin Vater von zwei Kindern
            ich auch
            Hier ist mein Code
            Ich bin Franzose
            Ich bin Ärztin und arbeite in Mainz
            ich bin 28 jahre alt
            ich sitze gerade im zug 🙂
            Wie viele Nachrichten passen in eine Liste?
            was ist redis und wozu brauche ich das
            ich hab hunger
            Wie spät ist es?
            Ich bin Architekt und zeichne gern
            Ich bin Vegetarierin
            bist du ein mensch
            nenn mich nicht so
            Ich bin Angestellte
            Ich bin Schwabe
            ich bin begeistert 👍
            Ich arbeite bei Bosch
            Mein Lieblingstier ist der Igel
            Ich bin Müllers Nachbar
            Was habe ich falsch gemacht?
            Ich bin Erzieherin in Passau
            Ich bin Bayer
            nenne mir drei städte
            Wie viel kostet das?
            Ich bin der Meinung, dass das stimmt
            Ich heiße Sie herzlich willkommen
            Ich bin Teil des Teams
            Ich bin im Büro
            Ich arbeite im Krankenhaus
            wir sind im urlaub
            Mein Hund ist im Garten
            Ich bin Kapitän zur See
            """,
    },
    "it": {
        GIVES: """
            ciao mi chiamo marco | marco
            Ciao, sono Giulia! | Giulia
            mi chiamo Luca Rossi | Luca Rossi
            Il mio nome è Federica | Federica
            il mio nome e' andrea | andrea
            sono giulia e ho 24 anni | giulia
            chiamami pure Ale | Ale
            puoi chiamarmi Fede | Fede
            Buongiorno, mi chiamo Francesca Bianchi. | Francesca Bianchi
            io sono Matteo 😊 | Matteo
            tutti mi chiamano Lele | Lele
            piacere, Chiara | Chiara
            Salve, sono la signora Ferrari | Ferrari
            ciao sono davide, piacere | davide
            mi kiamo sara | sara
            Sono Nicolò | Nicolò
            qui parla Simone | Simone
            gli amici mi chiamano Pippo | Pippo
            Buonasera! Sono Alessandro e scrivo da Torino | Alessandro
            Mi chiamano Vale | Vale
            Ehi, io sono Teo | Teo
            mi presento: sono Elisabetta | Elisabetta
            Per gli amici Titti | Titti
            Può chiamarmi Giovanni | Giovanni
            io mi chiamo Noemi, e tu? | Noemi
            ciaooo sono martina!! | martina
            Stai parlando con Riccardo | Riccardo
            Mi chiamo D'Angelo | D'Angelo
            sono il Gianni | Gianni
            Mi chiamo Niccolò, molto piacere | Niccolò
            Mi chiamo Maria Grazia | Maria Grazia
            Sono Serena di Bologna | Serena
            sono io, Luca | Luca
            mi puoi chiamare Gigi | Gigi
            buongiorno sono il signor Bruni | Bruni
            Mi chiamo Li Wei e studio a Pisa | Li Wei
            ciao! Enrico qui | Enrico
            Gaia, piacere | Gaia
            MI CHIAMO PAOLO | PAOLO
            puoi darmi del tu, sono Rita | Rita
            Mi chiamo Maria De Luca Rossi | Maria De Luca Rossi
            Mi chiamo Luca D'Angelo | Luca D'Angelo
            mi chiamo Ludovica de Santis, molto lieta | Ludovica de Santis
            Il mio nome completo è Anna Maria De Santis | Anna Maria De Santis
            Sono Luca D’Amico | Luca D'Amico
            Ciao, sono Maria De Luca Rossi e scrivo da Bari | Maria De Luca Rossi
            Sono il signor Messina | Messina
            sono l'avvocato Bruni | Bruni
            Mi chiamo Genova | Genova
            Sono Giacomo | Giacomo
            """,
        ASKS_NAME: """
            come mi chiamo
            Come mi chiamo?
            qual è il mio nome?
            qual'è il mio nome
            ti ricordi il mio nome?
            sai come mi chiamo
            chi sono?
            chi sono io
            e il mio nome?
            dimmi il mio nome
            Ti ricordi come mi chiamo?
            il mio nome qual è?
            sai chi sono?
            Qual era il mio nome?
            Mi sai dire come mi chiamo?
            hai dimenticato il mio nome?
            Si ricorda come mi chiamo?
            ti ho detto il mio nome?
            cm mi chiamo
            Puoi dirmi qual è il mio nome per favore
            conosci il mio nome?
            mi chiamo come?
            indovina come mi chiamo 😏
            ricordi il nome che ti ho detto?
            Lei sa come mi chiamo?
            mi diresti il mio nome
            """,
        ASKS_PREVIOUS: """
            cosa ho detto?
            che cosa ho appena detto
            Cosa ti ho chiesto prima?
            ripeti quello che ho detto
            qual è il mio ultimo messaggio?
            qual era la mia domanda precedente
            che ho detto
            che ti ho detto prima
            l'ultima cosa che ho scritto?
            Mi ripeti il mio ultimo messaggio?
            cosa stavo dicendo?
            Ti ricordi che cosa ti ho chiesto?
            di nuovo: cosa ho scritto poco fa?
            il mio messaggio precedente?
            cosa dicevo prima?
            ho detto cosa?
            Qual è stata la mia ultima domanda?
            cosa ti ho detto un minuto fa?
            ripeti la mia domanda
            che domanda ti ho fatto prima?
            di che parlavo?
            """,
        ASKS_COUNT: """
            quanti messaggi ho inviato?
            quante domande ti ho fatto
            Quanti messaggi ti ho mandato finora?
            quanti msg ho scritto
            quante volte ti ho scritto?
            conta i miei messaggi
            a quanti messaggi siamo?
            quanti messaggi?
            Sai dirmi quanti messaggi ho scritto?
            Qual è il numero dei miei messaggi?
            quanti sono i miei messaggi?
            quante domande fin qui?
            mi dici quanti messaggi ti ho scritto
            """,
        NOTHING: """
            sono di Roma
            sono stanco
            Sono Italiano
            sono un ingegnere
            Sono Ingegnere a Milano
            sono studentessa
            abito a Napoli
            vengo da Bari
            come ti chiami?
            non mi chiamo Bob
            non sono Marco
            chiamami domani
            chiamami quando puoi
            Il mio cane si chiama Fido
            il mio nome e cognome sono nel modulo
            il mio nome è difficile da scrivere
            sono felice di conoscerti
            sono a casa
            Sono Infermiera
            sono avvocato
            Sono Siciliana
            sono milanese doc
            sono in ritardo 😅
            ho fame
            che ore sono?
            chi sei?
            sono nato a Palermo
            Sono Interista
            sono al lavoro
            ciao, tutto bene?
            mi piace la pizza 🍕
            sono d'accordo
            sono qui
            ci sono Marco e Luca?
            Sono Medico
            sono insegnante di matematica
            Sono Sardo
            lavoro a Torino
            sono allergica al glutine
            sto imparando python 🐍
            anch'io
            Sono Vegano
            sono vegetariana
            chiamami un taxi
            mi chiama mia madre, torno subito
            Sono Leone
            grazie mille!
            sono sposato
            oggi piove
            puoi aiutarmi?
            Sono Laureata in lettere
            sono nuovo qui
            Come stai?
            chi è il presidente?
            Sono Idraulico
            Sono Romagnolo
            mi chiamo come mio nonno
            buona giornata
            mi dicono che sono simpatico
            sono le 10
            Sono Tedesca
            piacere di conoscerti
            il mio nome non te lo dico
            Sono Padova
            Sono Milano, buongiorno
            Ciao, sono Bologna!
            Sono Roma e lavoro al centro
            Io sono Firenze Nord
            Sono Toscana
            Sono Sicilia
            Padova, piacere
            sono l'Aquila
            Sono Dirigente D'Azienda e lavoro a Torino
            """,
    },
    "id": {
        GIVES: """
            halo nama saya budi | budi
            nama gue raka | raka
            Perkenalkan, nama saya Siti Rahmawati. | Siti Rahmawati
            namaku dinda 😊 | dinda
            aku rina | rina
            gw andi bro | andi
            Saya Joko, dari Solo | Joko
            hai, aku Bintang! | Bintang
            panggil saya Tari saja | Tari
            panggil aja gue Bowo | Bowo
            kenalin, gue dimas | dimas
            Selamat pagi, saya Hendra dari Bandung. | Hendra
            nama lengkap saya Dewi Lestari | Dewi Lestari
            saya biasa dipanggil Ucok | Ucok
            NAMA SAYA AGUS | AGUS
            nama: Farhan | Farhan
            halo semua, ini Putri | Putri
            halo saya ibu rina | rina
            panggil saya dengan nama Rere | Rere
            aku bernama gilang | gilang
            temen-temen manggil aku memet | memet
            saya adalah Wayan | Wayan
            nama panggilanku Iin ya | Iin
            Assalamualaikum, saya Zulkifli. | Zulkifli
            siang kak, nama sy ningsih mau tanya | ningsih
            perkenalkan saya Made, mahasiswa dari Denpasar | Made
            Nama saya Ni Luh, salam kenal! | Ni Luh
            tolong panggil saya Pak Bambang | Bambang
            nama saya indah umur 20 tahun | indah
            Halo! Saya Muhammad Iqbal, senang berkenalan | Muhammad Iqbal
            gua Jonathan nih | Jonathan
            nama aku adalah Tasya | Tasya
            aku sebenarnya lebih suka dipanggil Echa | Echa
            saya budi santoso | budi santoso
            nama saya eko nugroho | eko nugroho
            halo, aku siti aisyah dari bekasi | siti aisyah
            namaku dewi lestari, salam kenal | dewi lestari
            gue ucok siregar bro | ucok siregar
            perkenalkan, saya rizki aditya pratama | rizki aditya pratama
            NAMA SAYA JOKO WIDODO | JOKO WIDODO
            nama saya i made wirawan | i made wirawan
            """,
        ASKS_NAME: """
            siapa nama saya
            nama saya siapa?
            namaku siapa hayo
            kamu ingat nama saya?
            masih inget nama gue gak
            apa nama saya
            Apakah Anda tahu nama saya?
            siapa aku?
            aku siapa sih
            tau nama aku ga
            sebutkan nama saya
            coba tebak namaku
            Bisakah Anda menyebutkan nama saya?
            lupa ya sama namaku?
            terus nama gw?
            ingatkah kamu siapa saya?
            nama saya tadi siapa ya
            kamu panggil aku apa?
            Siapakah nama saya?
            nama gue siapa bro wkwk
            nama gue apaan?
            """,
        ASKS_PREVIOUS: """
            apa yang baru saja saya katakan?
            tadi aku bilang apa
            barusan gue ngomong apa ya
            apa pesan terakhir saya?
            ulangi pertanyaan terakhir saya
            saya tadi nanya apa
            Apa yang saya tanyakan tadi?
            ulangi yang barusan aku bilang dong
            pesan saya sebelumnya apa?
            apa kataku tadi
            Apa hal terakhir yang saya katakan?
            coba sebutkan lagi pesan saya yang terakhir
            apa yg td aku tulis
            sebelum ini aku nanya apa
            """,
        ASKS_COUNT: """
            berapa pesan yang sudah saya kirim?
            udah berapa kali aku nanya
            berapa banyak pertanyaan yang saya ajukan
            sudah berapa chat gue?
            hitung pesan saya
            Berapa jumlah pesan saya sejauh ini?
            pesanku udah berapa
            aku udah nanya berapa kali sih
            tolong hitung semua pertanyaan saya
            sudah berapa kali saya menulis kepada Anda?
            """,
        NOTHING: """
            saya lapar
            saya dari Bandung
            Saya Dokter
            aku mahasiswa ui
            gue capek banget 😩
            saya orang Jawa
            Saya Orang Batak
            saya guru di Malang
            nama saya tidak penting
            nama saya rahasia
            nama saya bukan Bob
            panggil saya nanti
            panggil aku kalau sudah selesai ya
            siapa nama kamu?
            siapa kamu
            kucing saya namanya Miko
            nama anjingku Rex
            adik saya bernama Lala
            saya tinggal di Surabaya
            Saya Karyawan Swasta
            saya muslim
            saya Indonesia
            aku lagi belajar python
            gw anak jaksel
            saya bekerja sebagai perawat
            Saya Programmer Python
            saya mau tanya soal redis
            ini bagus
            ini apa?
            Ini Contoh
            Apa ibu kota Indonesia?
            terima kasih banyak 🙏
            makasih ya
            aku suka teh
            saya ibu rumah tangga
            saya Penulis
            saya vegetarian
            aku bukan Andi
            saya baru di sini
            saya fans Persib
            gue lagi di Jakarta
            Saya Insinyur dari Medan
            saya kurang paham
            aku jomblo wkwk
            ceritakan lelucon dong
            saya Wartawan
            dia dipanggil Ucok
            nama bos saya Pak Rudi
            apa yang harus saya katakan?
            saya Ketua RT
            bisa bantu saya?
            saya senang sekali!
            saya pacar rina wijaya
            aku suka novel dewi lestari
            gue fans budi santoso
            saya percaya hidayah
            saya kerja di bank pratama
            saya tetangga pak hidayat
            """,
    },
}
"""By language and kind; two thirds were written after the phrases, to see how far these reach."""

KNOWN: dict[str, set[str]] = {"fr": {"c camille"}}
"""Those that are not answered rightly: what would tell ``c camille`` from ``c dommage``?"""
